import { test } from "vitest";
import type { Settled } from "../../src/durable/schema.ts";
import { Waiters } from "../../src/durable/waiters.ts";
import { HandClock } from "./hand-clock.ts";

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
  waiters.letGo(Array.from({ length: 25 }, (_, index) => written(`k${index}`)));
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
  expect(waiters.any).toBe(true);
  expect(await passes(1)).toBe("short -");
  expect(await passes(2_000)).toBe("short -, middle -");
  waiters.letGo([written("k")]);
  expect(await passes(0)).toBe("short -, middle -, long written");
  expect(waiters.any).toBe(false);
  expect(clock.running).toBe(0);
});
