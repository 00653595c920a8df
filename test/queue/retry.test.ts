import { test } from "vitest";
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
