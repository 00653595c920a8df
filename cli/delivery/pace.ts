import pLimit, { type LimitFunction } from "p-limit";
import { rest } from "../rest.ts";
import type { Deadline } from "./deadline.ts";

const BUSY = "the service asked for a pause beyond the deadline";

interface Limits {
  /** Requests a second. */
  rate: number;
  /** Requests at once. */
  concurrency: number;
  /** Ends all waiting. */
  signal: AbortSignal;
  deadline: Deadline;
}

/**
 * One pace for all that this process sends: at most so many requests at once and a second, and
 * none at all while the service has asked for a pause. Turns come in the order they are asked for.
 */
export class Pace {
  readonly #interval_ms: number;
  readonly #atOnce: LimitFunction;
  readonly #signal: AbortSignal;
  readonly #deadline: Deadline;
  #next = 0;
  #pausedUntil = 0;

  constructor({ rate, concurrency, signal, deadline }: Limits) {
    this.#interval_ms = 1000 / rate;
    this.#atOnce = pLimit(concurrency);
    this.#signal = signal;
    this.#deadline = deadline;
  }

  /**
   * Makes a request when its turn comes. Whoever waits for something else must not do so in here.
   * @throws where the signal aborts before, or the pause lasts beyond the deadline.
   */
  turn<Result>(request: () => Promise<Result>): Promise<Result> {
    return this.#atOnce(async () => {
      await this.#untilAllowed();
      return request();
    });
  }

  /** Resolves when all turns that were asked for before have come. */
  async reached(): Promise<void> {
    await this.#atOnce(() => {});
  }

  /** The service asked everyone to wait so long. */
  pause(milliseconds: number): void {
    this.#pausedUntil = Math.max(this.#pausedUntil, Date.now() + milliseconds);
  }

  async #untilAllowed(): Promise<void> {
    this.#signal.throwIfAborted();
    const now = Date.now();
    const at = Math.max(now, this.#next);
    this.#next = at + this.#interval_ms;
    await rest(at - now, this.#signal);
    // A pause may begin, or grow, while we wait for its end.
    while (Date.now() < this.#pausedUntil) {
      // Waiting in vain would only hold up the build.
      if (this.#pausedUntil > this.#deadline.moment) throw new Error(BUSY);
      await rest(this.#pausedUntil - Date.now(), this.#signal);
    }
  }
}
