import { test } from "vitest";
import { CULPRIT_ATTEMPTS } from "../../src/limits.ts";
import { retryDelaySeconds } from "../../src/queue/retry.ts";

test("delays double, up to five minutes, with jitter over their upper half", ({ expect }) => {
  const most = () => 0.999_999;
  const least = () => 0;
  expect([1, 2, 3, 8, 9, 50].map((attempts) => retryDelaySeconds(attempts, most))).toEqual([
    2, 4, 8, 256, 300, 300,
  ]);
  expect([1, 2, 3, 8, 9, 50].map((attempts) => retryDelaySeconds(attempts, least))).toEqual([
    1, 2, 4, 128, 150, 150,
  ]);
});

test("a culprit is dead within ten minutes, and an outage may last for almost four hours", ({
  expect,
}) => {
  const seconds = (retries: number, random: number) =>
    Array.from({ length: retries }, (_, index) =>
      retryDelaySeconds(index + 1, () => random),
    ).reduce((sum, delay) => sum + delay);
  expect(seconds(CULPRIT_ATTEMPTS - 1, 0.999_999)).toBeLessThan(10 * 60);
  expect(seconds(100, 0)).toBeGreaterThan(3.9 * 3600);
});
