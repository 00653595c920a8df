import { reasonOf } from "../failure.ts";
import { rest } from "../rest.ts";
import { answerOf, refusalOf, strangeAnswer } from "./answer.ts";
import { delayAfter, isPassing, retryAfterOf } from "./backoff.ts";
import { call, type Connection, type Reply, type Service } from "./connection.ts";
import type { Deadline } from "./deadline.ts";
import type { Pace } from "./pace.ts";

/** How the sending of one upload ended. */
export type Outcome =
  /** The service has it, durably: written to its database, or on the way, or dead with a reason. */
  | { kind: "taken"; status: "written" | "pending" | "dead"; duplicate: boolean; reason?: string }
  /** The service said no, and would say so again. Without a status it was something before it that answered. */
  | { kind: "refused"; status: number | null; reason: string; attempts: number }
  /** No attempt succeeded before the deadline, or before the user stopped it; or none was made. */
  | { kind: "failed"; status: number | null; reason: string; attempts: number }
  /** It was not there any more when its turn came. */
  | { kind: "gone" };

/** An attempt after which another may succeed. */
interface Passing {
  kind: "passing";
  status: number | null;
  reason: string;
  retryAfter_ms: number;
}

export interface SendOptions {
  service: Service;
  pace: Pace;
  /** Aborts at the deadline, and when the user stops the process. */
  signal: AbortSignal;
  deadline: Deadline;
  /** Stays with a batch that was taken until it is written. */
  wait: boolean;
}

/**
 * Posts an upload until the service answers for good or time is up. Safe to repeat, and
 * repeated after any doubt: the service takes the same batch once. It takes its turn for each
 * attempt, so that one that fails or waits holds up no other.
 * @param read the gzipped JSON, or undefined where it is gone. It is held for one attempt.
 */
export async function send(
  path: string,
  read: () => Uint8Array<ArrayBuffer> | undefined,
  { service, pace, signal, deadline }: SendOptions,
): Promise<Outcome> {
  const { connection } = service;
  if (!connection) return { kind: "failed", status: null, reason: service.reason, attempts: 0 };
  let attempts = 0;
  let last: Pick<Passing, "status" | "reason"> | undefined;
  try {
    for (;;) {
      const ended = await pace.turn(async () => {
        const body = read();
        if (!body) return { kind: "gone" } as const;
        attempts += 1;
        return attempt(path, body, connection, signal, attempts);
      });
      if (ended.kind !== "passing") return ended;
      last = ended;
      // What a busy service asks of one request it asks of all.
      if (ended.retryAfter_ms > 0) pace.pause(ended.retryAfter_ms);
      const delay = delayAfter(attempts, ended.retryAfter_ms);
      // Waiting for a moment past the deadline would only hold up the build.
      if (Date.now() + delay > deadline.moment) break;
      await rest(delay, signal);
    }
  } catch (error) {
    last ??= { status: null, reason: reasonOf(error) };
  }
  return { kind: "failed", status: last.status, reason: last.reason, attempts };
}

async function attempt(
  path: string,
  body: Uint8Array<ArrayBuffer>,
  connection: Connection,
  signal: AbortSignal,
  attempts: number,
): Promise<Outcome | Passing> {
  let reply: Reply;
  try {
    reply = await call(connection, path, {
      method: "POST",
      headers: {
        "Content-Type": "application/json",
        "Content-Encoding": "gzip",
        Prefer: "respond-async",
      },
      body,
      signal,
    });
  } catch (error) {
    // A time-out is no end: the next attempt may be quicker.
    signal.throwIfAborted();
    return { kind: "passing", status: null, reason: reasonOf(error), retryAfter_ms: 0 };
  }
  const { response, text } = reply;
  const { status, headers } = response;
  const answer = answerOf(text);
  if (isPassing(status)) {
    const retryAfter_ms = retryAfterOf(headers.get("Retry-After"));
    return { kind: "passing", status, reason: refusalOf(response, answer), retryAfter_ms };
  }
  const { status: state, reason, title, detail } = answer;
  if (!response.ok && (title ?? detail) !== undefined) {
    return { kind: "refused", status, reason: refusalOf(response, answer), attempts };
  }
  if (!response.ok || (state !== "written" && state !== "pending" && state !== "dead")) {
    return { kind: "refused", status: null, reason: strangeAnswer(response), attempts };
  }
  const duplicate = headers.get("Idempotent-Replayed") === "true";
  return { kind: "taken", status: state, duplicate, ...(reason && { reason }) };
}
