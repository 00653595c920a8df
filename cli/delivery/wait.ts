import { POLL_FIRST_MS, POLL_LONGEST_MS } from "../limits.ts";
import { rest } from "../rest.ts";
import { type Answer, answerOf } from "./answer.ts";
import { retryAfterOf } from "./backoff.ts";
import { call, type Connection } from "./connection.ts";
import type { SendOptions } from "./send.ts";

/**
 * Asks for a batch until it is written or dead, ever more seldom.
 * @returns the last answer, or undefined where time ran out.
 */
export async function waitUntilSettled(
  path: string,
  connection: Connection,
  { pace, signal, deadline }: SendOptions,
): Promise<Answer | undefined> {
  let delay = POLL_FIRST_MS;
  try {
    for (;;) {
      await rest(delay, signal);
      const { answer, retryAfter_ms } = await pace.turn(() => ask(path, connection, signal));
      if (answer?.status === "written" || answer?.status === "dead") return answer;
      // A pause that is asked of a question holds up no upload: those may be taken all the same.
      delay = Math.max(retryAfter_ms, Math.min(POLL_LONGEST_MS, delay * 2));
      // To wait for a moment past the deadline would only hold up the build.
      if (retryAfter_ms > 0 && Date.now() + delay > deadline.moment) return undefined;
    }
  } catch {
    // Only the signal and the deadline end the loop: time is up.
    return undefined;
  }
}

/** No answer, or one that breaks off, says nothing about the batch. */
async function ask(
  path: string,
  connection: Connection,
  signal: AbortSignal,
): Promise<{ answer?: Answer; retryAfter_ms: number }> {
  try {
    const { response, text } = await call(connection, path, { signal });
    const retryAfter_ms = retryAfterOf(response.headers.get("Retry-After"));
    return { answer: answerOf(text), retryAfter_ms };
  } catch {
    return { retryAfter_ms: 0 };
  }
}
