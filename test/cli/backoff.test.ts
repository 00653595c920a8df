import { test } from "vitest";
import { delayAfter, isPassing, retryAfterOf } from "../../cli/delivery/backoff.ts";
import { RETRY_LONGEST_MS } from "../../cli/limits.ts";

test("408, 425, 429 and 5xx pass; other refusals do not", ({ expect }) => {
  expect([408, 425, 429, 500, 502, 503, 504].every(isPassing)).toBe(true);
  expect([400, 401, 403, 404, 409, 413, 415, 422].some(isPassing)).toBe(false);
});

test("Retry-After is understood in seconds and as a date, and otherwise ignored", ({ expect }) => {
  const now = Date.parse("2026-11-20T12:00:00Z");
  const read = (header: string | null) => retryAfterOf(header, now);
  expect(read("7")).toBe(7_000);
  expect(read("Fri, 20 Nov 2026 12:00:30 GMT")).toBe(30_000);
  expect(read("Fri, 20 Nov 2026 11:00:00 GMT")).toBe(0);
  expect([read(null), read("soon")]).toEqual([0, 0]);
});

test("the delay is random, has a ceiling, and is never shorter than Retry-After", ({ expect }) => {
  const delays = Array.from({ length: 1_000 }, () => delayAfter(3, 0));
  expect(Math.max(...delays)).toBeLessThanOrEqual(2_000);
  expect(Math.min(...delays)).toBeLessThan(500);
  expect(delayAfter(60, 0)).toBeLessThanOrEqual(RETRY_LONGEST_MS);
  expect(delayAfter(1, 9_000)).toBeGreaterThanOrEqual(9_000);
});
