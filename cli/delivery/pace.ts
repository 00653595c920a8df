import { setTimeout as sleep } from "node:timers/promises";

const BUSY = "the service asked for a pause beyond the deadline";

/**
 * One pace for all that this process sends: at most so many requests a second, and none at
 * all while the service has asked for a pause.
 */
export class Pace {
  readonly #interval_ms: number;
  #next = 0;
  #pausedUntil = 0;

  /** @param perSecond requests a second. */
  constructor(perSecond: number) {
    this.#interval_ms = 1000 / perSecond;
  }

  /**
   * Waits for a turn.
   * @param deadline in milliseconds since 1970.
   * @throws where the signal aborts, or the pause lasts beyond the deadline.
   */
  async turn(signal: AbortSignal, deadline: number): Promise<void> {
    const now = Date.now();
    const at = Math.max(now, this.#next);
    this.#next = at + this.#interval_ms;
    if (at > now) await sleep(at - now, undefined, { signal });
    // A pause may begin, or grow, while we wait for its end.
    while (Date.now() < this.#pausedUntil) {
      // Waiting in vain would only hold up the build.
      if (this.#pausedUntil > deadline) throw new Error(BUSY);
      await sleep(this.#pausedUntil - Date.now(), undefined, { signal });
    }
    signal.throwIfAborted();
  }

  /** The service asked everyone to wait so long. */
  pause(milliseconds: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, Date.now() + milliseconds);
  }
}
