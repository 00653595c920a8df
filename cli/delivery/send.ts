import { setTimeout as sleep } from "node:timers/promises";
import pRetry from "p-retry";
import { reasonOf } from "../failure.ts";
import { ATTEMPT_TIMEOUT_MS, WAIT_SECONDS } from "../limits.ts";
import { type Answer, readAnswer, refusalOf } from "./answer.ts";
import { delayAfter, isPassing, retryAfterOf } from "./backoff.ts";
import { call, type Connection } from "./connection.ts";
import type { Deadline } from "./deadline.ts";
import type { Pace } from "./pace.ts";

/** How the sending of one upload ended. */
export type Outcome =
  /** The service has it, durably: written to its database, or on the way, or dead with a reason. */
  | { kind: "taken"; status: "written" | "pending" | "dead"; duplicate: boolean; reason?: string }
  /** The service said no, and would say so again. Without a status it was something before it that answered. */
  | { kind: "refused"; status: number | null; reason: string; attempts: number }
  /** No attempt succeeded before the deadline, or before the user stopped it. */
  | { kind: "failed"; status: number | null; reason: string; attempts: number };

export interface SendOptions {
  connection: Connection;
  pace: Pace;
  /** Aborts at the deadline, and when the user stops the process. */
  signal: AbortSignal;
  deadline: Deadline;
  /** Asks the service to answer when the batch is written. */
  wait: boolean;
}

/** A failure after which another attempt may succeed. */
class Passing extends Error {
  readonly status: number | null;
  readonly retryAfter_ms: number;

  constructor(message: string, status: number | null, retryAfter_ms: number) {
    super(message);
    this.status = status;
    this.retryAfter_ms = retryAfter_ms;
  }
}

/**
 * Posts an upload until the service answers for good or time is up. Safe to repeat, and
 * repeated after any doubt: the service takes the same batch once.
 * @param body gzipped JSON.
 */
export async function send(
  path: string,
  body: Uint8Array<ArrayBuffer>,
  options: SendOptions,
): Promise<Outcome> {
  let attempts = 0;
  let last: Passing | undefined;
  try {
    return await pRetry(
      async () => {
        await options.pace.turn(options.signal, options.deadline.moment);
        attempts += 1;
        return await attempt(path, body, options, attempts);
      },
      {
        retries: Number.POSITIVE_INFINITY,
        // The delay is ours: p-retry has no full jitter and knows no Retry-After.
        minTimeout: 0,
        maxTimeout: 0,
        signal: options.signal,
        shouldRetry: ({ error }) => error instanceof Passing,
        onFailedAttempt: async ({ error }) => {
          if (!(error instanceof Passing)) return;
          last = error;
          await waitFor(error, attempts, options);
        },
      },
    );
  } catch (error) {
    const reason = last?.message ?? reasonOf(error);
    return { kind: "failed", status: last?.status ?? null, reason, attempts };
  }
}

async function waitFor(error: Passing, attempts: number, options: SendOptions): Promise<void> {
  // What a busy service asks of one request it asks of all.
  if (error.retryAfter_ms > 0) options.pace.pause(error.retryAfter_ms);
  const delay = delayAfter(attempts, error.retryAfter_ms);
  // Waiting for a moment past the deadline would only hold up the build.
  if (Date.now() + delay > options.deadline.moment) throw error;
  await sleep(delay, undefined, { signal: options.signal });
}

async function attempt(
  path: string,
  body: Uint8Array<ArrayBuffer>,
  { connection, signal, wait }: SendOptions,
  attempts: number,
): Promise<Outcome> {
  const timeout = AbortSignal.timeout(ATTEMPT_TIMEOUT_MS);
  let response: Response;
  let answer: Answer;
  try {
    response = await call(connection, path, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        Prefer: wait ? `wait=${WAIT_SECONDS}` : "respond-async",
      },
      body,
      signal: AbortSignal.any([signal, timeout]),
    });
    answer = await readAnswer(response);
  } catch (error) {
    signal.throwIfAborted();
    throw new Passing(reasonOf(error), null, 0);
  }
  const { status } = response;
  if (isPassing(status)) {
    const retryAfter = retryAfterOf(response.headers.get("Retry-After"));
    throw new Passing(refusalOf(response, answer), status, retryAfter);
  }
  const state = answer.status;
  const problem = !response.ok && (answer.title ?? answer.detail) !== undefined;
  if (problem) return { kind: "refused", status, reason: refusalOf(response, answer), attempts };
  if (!response.ok || (state !== "written" && state !== "pending" && state !== "dead")) {
    const words = `${status} ${response.ok ? "" : response.statusText}`.trim();
    const reason = `${words}, but it is no answer of Millrace: is the address right?`;
    return { kind: "refused", status: null, reason, attempts };
  }
  const duplicate = response.headers.get("Idempotent-Replayed") === "true";
  return {
    kind: "taken",
    status: state,
    duplicate,
    ...(answer.reason && { reason: answer.reason }),
  };
}
