import { setTimeout as sleep } from "node:timers/promises";

/** Waits so many milliseconds. @throws the signal's own reason where it aborts. */
export async function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  await sleep(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted());
}
