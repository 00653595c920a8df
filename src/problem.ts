/** The failures the caller is told about, as RFC 9457 problem details. */
export const KINDS = {
  "invalid-batch": { status: 400, title: "The batch is not valid" },
  "invalid-request": { status: 400, title: "The request is not valid" },
  unauthorized: { status: 401, title: "Unauthorized" },
  forbidden: { status: 403, title: "The token lacks the scope" },
  "not-found": { status: 404, title: "Not found" },
  "method-not-allowed": { status: 405, title: "Method not allowed" },
  "batch-conflict": { status: 409, title: "This batch_id was used for different content" },
  "too-large": { status: 413, title: "The upload is too large" },
  "unsupported-media-type": { status: 415, title: "Unsupported media type" },
  "too-many-requests": { status: 429, title: "Too many requests" },
  internal: { status: 500, title: "The service failed" },
  unavailable: { status: 503, title: "The service is not available now" },
} as const;

export type ProblemKind = keyof typeof KINDS;

/** What the `type` of every problem starts with; its kind follows. */
export const PROBLEM_TYPE = "urn:millrace:problem:";

/** One fault of a batch: where (`results[0].recipe_name`) and what. */
export interface Fault {
  path: string;
  message: string;
}

interface ProblemExtras {
  errors?: Fault[];
  headers?: Record<string, string>;
}

/** A failure the caller is told about. Anything else that is thrown becomes `internal`. */
export class Problem extends Error {
  readonly kind: ProblemKind;
  readonly extras: ProblemExtras;

  constructor(kind: ProblemKind, detail: string, extras: ProblemExtras = {}) {
    super(detail);
    this.name = "Problem";
    this.kind = kind;
    this.extras = extras;
  }

  get status(): number {
    return KINDS[this.kind].status;
  }

  /** @param instance names this one occurrence; the log has it too. */
  toResponse(instance: string): Response {
    const { status, title } = KINDS[this.kind];
    const body = {
      type: `${PROBLEM_TYPE}${this.kind}`,
      title,
      status,
      detail: this.message,
      instance,
      ...(this.extras.errors && { errors: this.extras.errors }),
    };
    return new Response(`${JSON.stringify(body)}\n`, {
      status,
      headers: { "Content-Type": "application/problem+json", ...this.extras.headers },
    });
  }
}

/**
 * The service cannot do it just now, and may be asked again.
 * @param retryAfter_s seconds until then.
 */
export function unavailable(detail: string, retryAfter_s: number): Problem {
  return new Problem("unavailable", detail, { headers: { "Retry-After": String(retryAfter_s) } });
}
