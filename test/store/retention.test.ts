import { createScheduledController } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, describe, test, vi } from "vitest";
import { createService } from "../../src/index.ts";
import { RETENTION_ROWS } from "../../src/limits.ts";
import type { SqlStore } from "../../src/sql.ts";
import { createSqlStore } from "../../src/store/sql-store.ts";
import { deleteExpired } from "../../src/store/retention.ts";
import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import { STREAMS } from "../../src/streams/index.ts";
import { batch, count, execution, post, result, rows } from "../client.ts";
import { deletingBy } from "../faulty-database.ts";
import worker, { deployments } from "../worker.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

function daysAgo(days: number): string {
  return new Date(Date.now() - days * DAY_MS).toISOString();
}

async function strike(overrides: object = {}, service = worker): Promise<void> {
  await service.scheduled(createScheduledController({ scheduledTime: Date.now() }), {
    ...env,
    ...overrides,
  });
}

/** What is logged from here on. */
function logged(): string[] {
  const lines: string[] = [];
  const keep = (line: unknown) => void lines.push(String(line));
  vi.spyOn(console, "log").mockImplementation(keep);
  vi.spyOn(console, "error").mockImplementation(keep);
  return lines;
}
afterEach(() => vi.restoreAllMocks());

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

test("a stream that cannot be opened stops neither the others' retention nor the audit", async ({
  expect,
}) => {
  const broken = {
    ...deployments,
    init() {
      throw new Error("no");
    },
  };
  await post(batch({ batch_id: "old", started_at: daysAgo(366) }));
  await post(batch({ batch_id: "young" }));
  const lines = logged();
  await strike({}, createService([broken, ...STREAMS]));
  expect(await rows("SELECT batch_id FROM batch_runs")).toEqual([{ batch_id: "young" }]);
  expect(lines.join()).toContain('"ledger.audited","stream":"batch-metrics"');
});

test("while the ledger does not answer, retention runs", async ({ expect }) => {
  await post(batch({ started_at: daysAgo(366) }));
  const LEDGER = new Proxy(env.LEDGER, {
    get: () => () => {
      throw new Error("Network connection lost");
    },
  });
  const lines = logged();
  await strike({ LEDGER });
  expect(await count("batch_runs")).toBe(0);
  expect(lines.join()).toContain("ledger.audit-failed");
});

test("the audit does not wait for a database that is slow to delete", async ({ expect }) => {
  await post(batch());
  const lines = logged();
  void strike({ DB: deletingBy(env.DB, () => new Promise(() => {})) });
  await expect.poll(() => lines.join()).toContain("ledger.audited");
});

test("a run takes no more statements than it is given", async ({ expect }) => {
  const results = Array.from({ length: RETENTION_ROWS + 7 }, () => result());
  await post(batch({ started_at: daysAgo(400), results }), { headers: { Prefer: "wait=25" } });
  const sql = createSqlStore("batch-metrics", env);
  const deleted = sql && (await deleteExpired(sql, batchMetrics, daysAgo(365), { statements: 1 }));
  expect(deleted).toEqual({ rows: RETENTION_ROWS, runs: 0, more: true });
});

describe("what one run may not delete is left to the next, which", () => {
  /** The next run, of three statements; each row stands for as many as one statement deletes. */
  async function run() {
    const sql = createSqlStore("batch-metrics", env);
    if (!sql) throw new Error("the tests bind a database");
    const ofMany: SqlStore["run"] = async (text, cutoff = "") => {
      const { changes, ...rest } = await sql.run(text, cutoff, 1);
      return { ...rest, changes: changes * RETENTION_ROWS };
    };
    const store = { ...sql, run: ofMany };
    const deleted = await deleteExpired(store, batchMetrics, daysAgo(365), { statements: 3 });
    return {
      ...deleted,
      rows: deleted.rows / RETENTION_ROWS,
      runs: deleted.runs / RETENTION_ROWS,
    };
  }

  const old = (batch_id: string, results: object[]) =>
    post(batch({ batch_id, started_at: daysAgo(400), results }));

  test("goes on with results, and deletes no run under them", async ({ expect }) => {
    await old("run-1", [result(), result(), result(), result()]);
    expect(await run()).toEqual({ rows: 3, runs: 0, more: true });
    expect([await count("batch_runs"), await count("recipe_results")]).toEqual([1, 1]);
    // The second statement finds that there are no more results.
    expect(await run()).toEqual({ rows: 1, runs: 1, more: true });
    expect(await run()).toEqual({ rows: 0, runs: 0, more: false });
    expect([await count("batch_runs"), await count("recipe_results")]).toEqual([0, 0]);
  });

  test("goes on with runs", async ({ expect }) => {
    for (const batch_id of ["run-1", "run-2", "run-3"]) await old(batch_id, []);
    expect(await run()).toEqual({ rows: 0, runs: 1, more: true });
    expect(await run()).toEqual({ rows: 0, runs: 1, more: true });
    expect(await run()).toEqual({ rows: 0, runs: 1, more: true });
    expect(await run()).toEqual({ rows: 0, runs: 0, more: false });
    expect(await count("batch_runs")).toBe(0);
  });

  test("leaves a run that gets results in between", async ({ expect }) => {
    for (const batch_id of ["run-1", "run-2"]) await old(batch_id, []);
    const sql = createSqlStore("batch-metrics", env);
    if (!sql) throw new Error("the tests bind a database");
    const late: SqlStore["run"] = async (text, ...parameters) => {
      if (text.includes("DELETE FROM batch_runs")) {
        await rows(`INSERT INTO recipe_results (batch_run_id, recipe_name, ecosystem, result)
          SELECT id, 'jq', 'homebrew', 'passed' FROM batch_runs WHERE batch_id = 'run-1'`);
      }
      return sql.run(text, ...parameters);
    };
    const deleted = await deleteExpired({ ...sql, run: late }, batchMetrics, daysAgo(365));
    // The first of the results that came in between, while the next came.
    expect(deleted).toEqual({ rows: 1, runs: 1, more: false });
    expect(await rows("SELECT batch_id FROM batch_runs")).toEqual([{ batch_id: "run-1" }]);
  });

  test("deletes the oldest runs before the results of later ones", async ({ expect }) => {
    const later = batch({
      batch_id: "later",
      started_at: daysAgo(399),
      results: [result(), result()],
    });
    await post(later);
    await old("oldest", []);
    expect(await run()).toEqual({ rows: 1, runs: 1, more: true });
    expect(await rows("SELECT batch_id FROM batch_runs")).toEqual([{ batch_id: "later" }]);
  });
});

test("what is deleted is counted, over several chunks", async ({ expect }) => {
  const results = Array.from({ length: RETENTION_ROWS + 7 }, () => result());
  await post(batch({ started_at: daysAgo(400), results }), { headers: { Prefer: "wait=25" } });
  const sql = createSqlStore("batch-metrics", env);
  const deleted = sql && (await deleteExpired(sql, batchMetrics, daysAgo(365)));
  expect(deleted).toEqual({ rows: RETENTION_ROWS + 7, runs: 1, more: false });
  expect([await count("batch_runs"), await count("recipe_results")]).toEqual([0, 0]);
});
