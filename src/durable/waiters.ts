import type { Clock } from "./clock.ts";

/** Callers that wait until a batch is settled. They live in memory: who outlives them asks again. */
export class Waiters {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Set<() => void>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when the batch is settled, or after `ms`, whichever is first. */
  wait(key: string, ms: number): Promise<void> {
    return new Promise((resolve) => {
      const callers = this.#waiting.get(key) ?? new Set();
      this.#waiting.set(key, callers.add(done));
      const cancel = this.#clock.after(ms, done);

      const waiting = this.#waiting;
      function done(): void {
        cancel();
        callers.delete(done);
        if (callers.size === 0 && waiting.get(key) === callers) waiting.delete(key);
        resolve();
      }
    });
  }

  /** Lets go whoever waits for these batches. */
  settled(keys: readonly string[]): void {
    for (const key of keys) {
      for (const done of this.#waiting.get(key) ?? []) done();
    }
  }
}
