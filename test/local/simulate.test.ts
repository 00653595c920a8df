import { afterAll, beforeAll, test } from "vitest";
import { ALL } from "../../proof/simulate/faults.ts";
import { run } from "../../proof/simulate/run.ts";
import { Evicted } from "../../proof/simulate/shard-host.ts";

// An instance that has ended takes its unfinished work with it: that is the point.
const ignore = (error: unknown) => {
  if (!(error instanceof Evicted)) throw error;
};
beforeAll(() => void process.on("unhandledRejection", ignore));
afterAll(() => void process.off("unhandledRejection", ignore));

test("a seed lives the same life each time, and another seed another", async ({ expect }) => {
  const [first, again, other] = [
    await run(7, 800, ALL),
    await run(7, 800, ALL),
    await run(8, 800, ALL),
  ];
  expect(again.hash).toBe(first.hash);
  expect(again.history).toEqual(first.history);
  expect(other.hash).not.toBe(first.hash);
  expect([...first.violations, ...other.violations]).toEqual([]);
});
