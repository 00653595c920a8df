import type { Clock } from "./clock.ts";
import type { Settled } from "./schema.ts";

interface Waiter {
  key: string;
  /** When it stops waiting, in milliseconds since 1970. */
  until: number;
  resolve: (batch?: Settled) => void;
}

/**
 * Callers that wait until a batch is settled. They live in memory: who outlives them asks
 * again. They share one timer, since a platform's timer costs more than all else here.
 */
export class Waiters {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Set<Waiter>>();
  /** The timer, and when it rings. */
  #timer: { at: number; cancel: () => void } | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether anybody waits. */
  get any(): boolean {
    return this.#waiting.size > 0;
  }

  /** The batch as it was settled, or undefined after `ms`, whichever is first. */
  wait(key: string, ms: number): Promise<Settled | undefined> {
    return new Promise((resolve) => {
      const callers = this.#waiting.get(key) ?? new Set<Waiter>();
      const until = this.#clock.now() + ms;
      this.#waiting.set(key, callers.add({ key, until, resolve }));
      this.#ringAt(until);
    });
  }

  /** Lets go whoever waits for these batches. @returns how many did. */
  letGo(batches: readonly Settled[]): number {
    let callers = 0;
    for (const batch of batches) {
      for (const caller of this.#waiting.get(batch.key) ?? []) {
        caller.resolve(batch);
        callers += 1;
      }
      this.#waiting.delete(batch.key);
    }
    // A timer that nobody needs would keep the object in memory.
    if (this.#waiting.size === 0) this.#stop();
    return callers;
  }

  #ringAt(time: number): void {
    if (this.#timer && this.#timer.at <= time) return;
    this.#stop();
    const ms = Math.max(0, time - this.#clock.now());
    this.#timer = { at: time, cancel: this.#clock.after(ms, () => this.#ring()) };
  }

  /** Lets go whoever has waited long enough. */
  #ring(): void {
    this.#timer = undefined;
    const now = this.#clock.now();
    let next = Infinity;
    for (const callers of this.#waiting.values()) {
      for (const caller of callers) {
        if (caller.until > now) next = Math.min(next, caller.until);
        else this.#stopWaiting(caller);
      }
    }
    if (next < Infinity) this.#ringAt(next);
  }

  #stopWaiting(caller: Waiter): void {
    const callers = this.#waiting.get(caller.key);
    callers?.delete(caller);
    if (callers?.size === 0) this.#waiting.delete(caller.key);
    caller.resolve();
  }

  #stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
