import manifest from "../../package.json" with { type: "json" };
import { reasonOf } from "../failure.ts";
import { ATTEMPT_TIMEOUT_MS, SHORTEST_SECRET } from "../limits.ts";

/** The client's version, as released with the service's. */
export const VERSION: string = manifest.version;

/** The service, and with what right we call it. */
export interface Connection {
  /** Without a slash at its end. */
  url: string;
  /** Absent where none is configured: the service will say 401. */
  token: string | undefined;
}

/** The service to talk to, or the reason why there is none. */
export type Service =
  | { connection: Connection; reason?: never }
  | { connection?: never; reason: string };

/** An answer, and all of its text. */
export interface Reply {
  response: Response;
  text: string;
}

/** What makes a request more than a GET, and how long it may take. */
interface RequestOptions {
  method?: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer>;
  /** Ends the request early. */
  signal?: AbortSignal;
  /** Until the whole answer is there. */
  timeout_ms?: number;
}

/**
 * One HTTP request to the service. The answer may have any status; no answer in time throws, and
 * so does one that breaks off, with a text that has no secret in it.
 */
export async function call(
  { url, token }: Connection,
  path: string,
  { headers, signal, timeout_ms = ATTEMPT_TIMEOUT_MS, ...init }: RequestOptions = {},
): Promise<Reply> {
  const timeout = AbortSignal.timeout(timeout_ms);
  const reply = async () => {
    const response = await fetch(`${url}${path}`, {
      ...init,
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      // A redirected POST would become a GET, and the upload would be lost without an error.
      redirect: "manual",
      headers: Object.assign(
        {
          Accept: "application/json",
          "User-Agent": `millrace/${VERSION} node/${process.versions.node}`,
          ...(token && { Authorization: `Bearer ${token}` }),
        },
        headers,
      ),
    });
    return { response, text: await response.text() };
  };
  return reply().catch((error: unknown) => {
    throw new Error(redacted(reasonOf(error), token));
  });
}

/** Without the token, and without what stands before the @ of an address. */
function redacted(text: string, token: string | undefined): string {
  const secret = token !== undefined && token.length >= SHORTEST_SECRET;
  const tokenless = secret ? text.replaceAll(token, "(the token)") : text;
  return tokenless.replaceAll(/(https?:\/\/)[^/?#\s]*@/gi, "$1");
}
