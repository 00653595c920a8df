import type { Clock } from "./clock.ts";
import type { Settled } from "./schema.ts";

type Done = (batch?: Settled) => void;

/** Callers that wait until a batch is settled. They live in memory: who outlives them asks again. */
export class Waiters {
  readonly #clock: Clock;
  readonly #waiting = new Map<string, Set<Done>>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The batch as it was settled, or undefined after `ms`, whichever is first. */
  wait(key: string, ms: number): Promise<Settled | undefined> {
    return new Promise((resolve) => {
      const callers = this.#waiting.get(key) ?? new Set<Done>();
      this.#waiting.set(key, callers.add(done));
      const cancel = this.#clock.after(ms, () => done());

      const waiting = this.#waiting;
      function done(batch?: Settled): void {
        cancel();
        callers.delete(done);
        if (callers.size === 0 && waiting.get(key) === callers) waiting.delete(key);
        resolve(batch);
      }
    });
  }

  /** Lets go whoever waits for these batches. */
  settled(batches: readonly Settled[]): void {
    for (const batch of batches) {
      for (const done of this.#waiting.get(batch.key) ?? []) done(batch);
    }
  }
}
