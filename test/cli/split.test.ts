import { test } from "vitest";
import { prepare, uploadsOf } from "../../cli/delivery/prepare.ts";
import { suffixed } from "../../cli/batch-id.ts";
import { MAX_ROWS, MAX_UPLOAD_BYTES } from "../../src/limits.ts";
import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import { parseBatch } from "../../src/streams/parse.ts";

function imported(rows: number, message = "") {
  const results = Array.from({ length: rows }, (_, index) => ({
    recipe_name: `r${index}`,
    ecosystem: "npm",
    result: "passed",
    ...(message && { error_message: message }),
  }));
  const upload = {
    batch_id: "big",
    ecosystem: "npm",
    started_at: "2026-11-20T12:00:00Z",
    total_recipes: rows,
    passed: rows,
    success_rate: 1,
    linux_minutes: 9,
    results,
  };
  return { stream: "batch-metrics", upload, source: "big.json" } as const;
}

test("a batch within the limits is sent as it is", ({ expect }) => {
  const whole = imported(3);
  expect(uploadsOf(whole)).toEqual([whole.upload]);
});

test("a batch of too many rows is split into numbered parts, which lose and repeat nothing", async ({
  expect,
}) => {
  const whole = imported(MAX_ROWS + 1);
  const parts = uploadsOf(whole);
  expect(
    parts.map((part) => [part["batch_id"], part["total_recipes"], part["linux_minutes"]]),
  ).toEqual([
    ["big.part1of2", MAX_ROWS, 9],
    ["big.part2of2", 1, undefined],
  ]);
  expect(parts.flatMap((part) => part["results"])).toEqual(whole.upload.results);
  expect((await prepare(whole)).map(({ rows }) => rows)).toEqual([MAX_ROWS, 1]);
});

test("a batch of too many bytes is split into parts that the service takes", async ({ expect }) => {
  const entries = await prepare(imported(1_500, "é".repeat(7_000)));
  expect(entries.length).toBe(3);
  for (const { bytes } of entries) expect(bytes).toBeLessThanOrEqual(MAX_UPLOAD_BYTES);
});

test("what is counted without a row for it is in the first part's counts", async ({ expect }) => {
  const whole = imported(MAX_ROWS + 3);
  for (const row of whole.upload.results) row.result = "failed";
  // Of failures only: the 9 that passed and the one that was skipped are counted, and not sent.
  const counts = { total_recipes: MAX_ROWS + 13, passed: 9, failed: MAX_ROWS + 3, skipped: 1 };
  const upload = { ...whole.upload, ...counts, success_rate: 9 / (MAX_ROWS + 13) };
  const [first, second] = uploadsOf({ ...whole, upload });
  expect(first).toMatchObject({
    total_recipes: MAX_ROWS + 10,
    passed: 9,
    failed: MAX_ROWS,
    skipped: 1,
    success_rate: 9 / (MAX_ROWS + 10),
  });
  expect(second).toMatchObject({ total_recipes: 3 });
  expect(second).not.toHaveProperty("passed");
  expect((await prepare({ ...whole, upload })).map(({ rows }) => rows)).toEqual([MAX_ROWS, 3]);
});

test.for([
  ["absent", undefined],
  ["null", null],
] as const)(
  "counts and a rate that are %s are those of a part's rows, whatever else the upload counts",
  async ([, absent], { expect }) => {
    const whole = imported(MAX_ROWS + 3);
    const [bad] = whole.upload.results;
    if (bad) bad.result = "failed";
    const counts = { passed: absent, failed: absent, skipped: 7, success_rate: absent };
    const upload = { ...whole.upload, ...counts, total_recipes: MAX_ROWS + 13 };
    const runs = uploadsOf({ ...whole, upload }).map(
      (part) => parseBatch(batchMetrics, JSON.stringify(part)).run,
    );
    const passed = MAX_ROWS - 1;
    expect(runs).toMatchObject([
      {
        total_recipes: MAX_ROWS + 10,
        passed,
        failed: 1,
        skipped: 7,
        success_rate: passed / MAX_ROWS,
      },
      { total_recipes: 3, passed: 3, failed: 0, skipped: 0, success_rate: 1 },
    ]);
    const [rated] = uploadsOf({ ...whole, upload: { ...upload, success_rate: 0.9 } });
    expect(rated).toMatchObject({ success_rate: passed / (MAX_ROWS + 10) });
  },
);

test("the same batch is split the same way again", async ({ expect }) => {
  const digests = async () => (await prepare(imported(MAX_ROWS + 1))).map(({ digest }) => digest);
  expect(await digests()).toEqual(await digests());
});

test("a name that gets too long stays within the limit, and unlike others", ({ expect }) => {
  const long = "x".repeat(200);
  const names = [suffixed(long, ".part1of2"), suffixed(long, ".part2of2"), suffixed(long, long)];
  for (const name of names) expect(name.length).toBeLessThanOrEqual(200);
  expect(new Set(names).size).toBe(3);
});
