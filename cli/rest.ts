import { setTimeout as sleep } from "node:timers/promises";

/** Waits so many milliseconds, if any. @throws the signal's own reason where it aborts the wait. */
export async function rest(milliseconds: number, signal: AbortSignal): Promise<void> {
  // A timer warns of a negative time.
  if (milliseconds <= 0) return;
  await sleep(milliseconds, undefined, { signal }).catch(() => signal.throwIfAborted());
}
