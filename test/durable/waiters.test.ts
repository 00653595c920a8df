import { test } from "vitest";
import type { Clock } from "../../src/durable/clock.ts";
import type { Settled } from "../../src/durable/schema.ts";
import { Waiters } from "../../src/durable/waiters.ts";

/** A clock that stands still until it is moved. */
class HandClock implements Clock {
  #now = 1_000_000;
  #timers: { at: number; callback: () => void }[] = [];
  /** How many timers were ever set. */
  set = 0;

  get running(): number {
    return this.#timers.length;
  }

  now(): number {
    return this.#now;
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, callback };
    this.#timers.push(timer);
    this.set += 1;
    return () => void (this.#timers = this.#timers.filter((other) => other !== timer));
  }

  pass(ms: number): void {
    this.#now += ms;
    const due = this.#timers.filter(({ at }) => at <= this.#now);
    this.#timers = this.#timers.filter(({ at }) => at > this.#now);
    for (const { callback } of due) callback();
  }
}

function written(key: string): Settled {
  return {
    key,
    state: "written",
    batch_run_id: 1,
    row_count: 0,
    reason: null,
    written_digest: null,
  };
}

test("many callers share a timer, and none is left when the last has its answer", async ({
  expect,
}) => {
  const clock = new HandClock();
  const waiters = new Waiters(clock);
  const waits = Array.from({ length: 50 }, (_, index) => waiters.wait(`k${index % 25}`, 10_000));
  expect(clock.set).toBe(1);
  waiters.settled(Array.from({ length: 25 }, (_, index) => written(`k${index}`)));
  expect((await Promise.all(waits)).map((batch) => batch?.state)).toEqual(
    waits.map(() => "written"),
  );
  expect(clock.running).toBe(0);
});

test("each caller waits as long as it said, and no longer", async ({ expect }) => {
  const clock = new HandClock();
  const waiters = new Waiters(clock);
  const ends: string[] = [];
  for (const [name, ms] of [
    ["long", 5_000],
    ["short", 1_000],
    ["middle", 3_000],
  ] as const) {
    void waiters.wait("k", ms).then((batch) => ends.push(`${name} ${batch?.state ?? "-"}`));
  }
  const passes = async (ms: number) => {
    clock.pass(ms);
    await Promise.resolve();
    await Promise.resolve();
    return ends.join(", ");
  };
  expect(await passes(999)).toBe("");
  expect(await passes(1)).toBe("short -");
  expect(await passes(2_000)).toBe("short -, middle -");
  waiters.settled([written("k")]);
  expect(await passes(0)).toBe("short -, middle -, long written");
  expect(clock.running).toBe(0);
});
