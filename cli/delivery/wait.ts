import { setTimeout as sleep } from "node:timers/promises";
import { POLL_MS } from "../limits.ts";
import { type Answer, readAnswer } from "./answer.ts";
import { call, type Connection } from "./connection.ts";

/**
 * Asks for a batch until it is written or dead.
 * @returns the last answer, or undefined where time ran out.
 */
export async function waitUntilSettled(
  connection: Connection,
  path: string,
  signal: AbortSignal,
): Promise<Answer | undefined> {
  try {
    for (;;) {
      const response = await call(connection, path, { signal }).catch(() => undefined);
      const answer = response && (await readAnswer(response));
      if (answer?.status === "written" || answer?.status === "dead") return answer;
      await sleep(POLL_MS, undefined, { signal });
    }
  } catch {
    // Only the signal ends the loop: time is up.
    return undefined;
  }
}
