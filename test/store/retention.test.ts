import { createScheduledController } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { test } from "vitest";
import { RETENTION_ROWS } from "../../src/limits.ts";
import { createSqlStore } from "../../src/store/sql-store.ts";
import { deleteExpired } from "../../src/store/retention.ts";
import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import { batch, count, execution, post, result, rows } from "../client.ts";
import worker from "../worker.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

function daysAgo(days: number): string {
  return new Date(Date.now() - days * DAY_MS).toISOString();
}

async function strike(overrides: object = {}): Promise<void> {
  await worker.scheduled(createScheduledController({ scheduledTime: Date.now() }), {
    ...env,
    ...overrides,
  });
}

test("runs past a year go with their results, and younger ones stay", async ({ expect }) => {
  await post(batch({ batch_id: "old", started_at: daysAgo(366), results: [result(), result()] }));
  await post(batch({ batch_id: "young", started_at: daysAgo(364) }));
  await strike();
  expect(await rows("SELECT batch_id FROM batch_runs")).toEqual([{ batch_id: "young" }]);
  expect(await count("recipe_results")).toBe(1);
});

test("executions go after 90 days by their own age, and their uploads by theirs", async ({
  expect,
}) => {
  const records = [execution({ created_at: daysAgo(91) }), execution({ created_at: daysAgo(89) })];
  await post({ batch_id: "e-1", records }, { path: "/executions" });
  await strike();
  expect([await count("executions"), await count("execution_uploads")]).toEqual([1, 1]);
  await rows("UPDATE execution_uploads SET accepted_at = ?1", daysAgo(91));
  await strike();
  expect([await count("executions"), await count("execution_uploads")]).toEqual([1, 0]);
});

test("the days are configurable for each stream", async ({ expect }) => {
  await post(batch({ started_at: daysAgo(3) }));
  await strike({ BATCH_METRICS_RETENTION_DAYS: "4" });
  expect(await count("batch_runs")).toBe(1);
  await strike({ BATCH_METRICS_RETENTION_DAYS: "2" });
  expect(await count("batch_runs")).toBe(0);
});

test("days that are no number delete nothing, and do not stop the other streams", async ({
  expect,
}) => {
  await post(batch({ started_at: daysAgo(9_000) }));
  await post(
    { batch_id: "e", records: [execution({ created_at: daysAgo(99) })] },
    { path: "/executions" },
  );
  await strike({ BATCH_METRICS_RETENTION_DAYS: "-1" });
  expect([await count("batch_runs"), await count("executions")]).toEqual([1, 0]);
});

test("what is deleted is counted, over several chunks", async ({ expect }) => {
  const results = Array.from({ length: RETENTION_ROWS + 7 }, () => result());
  await post(batch({ started_at: daysAgo(400), results }), { headers: { Prefer: "wait=25" } });
  const sql = createSqlStore("batch-metrics", env);
  const deleted = sql && (await deleteExpired(sql, batchMetrics, daysAgo(365)));
  expect(deleted).toEqual({ rows: RETENTION_ROWS + 7, runs: 1, more: false });
  expect([await count("batch_runs"), await count("recipe_results")]).toEqual([0, 0]);
});
