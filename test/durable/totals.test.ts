import {
  createScheduledController,
  runDurableObjectAlarm,
  runInDurableObject,
} from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, test, vi } from "vitest";
import { audit } from "../../src/durable/audit.ts";
import { allShards } from "../../src/durable/shards.ts";
import { ledgerSqlOf } from "../../src/durable/batch-ledger.ts";
import { Counters } from "../../src/durable/counters.ts";
import { AUDIT_QUERIES, AUDIT_ROWS } from "../../src/limits.ts";
import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import { admin, ask, ASYNC, batch, execution, post, result, rows, shardFor } from "../client.ts";
import { faults } from "../faults.ts";
import { poison, takeAway } from "../faulty-database.ts";
import worker from "../worker.ts";
import { insertBatches } from "./insert-batches.ts";

type Totals = Record<string, Record<string, unknown>>;

async function totals(): Promise<Totals> {
  const response = await ask("/ledger");
  return (await response.json<{ streams: Totals }>()).streams;
}

test("the totals say what became of every batch, by stream, over all shards", async ({
  expect,
}) => {
  await poison();
  for (let index = 0; index < 9; index++) await post(batch({ batch_id: `run-${index}` }));
  await post(batch({ batch_id: "run-0" }));
  await post(batch({ batch_id: "run-1", total_recipes: 7 }));
  for (const id of ["dead-1", "dead-2"]) {
    await post(batch({ batch_id: id, results: [result({ recipe_name: "poison" })] }));
  }
  await admin("DELETE /dead-letters/batch-metrics/dead-2");
  await post({ batch_id: "e", records: [execution()] }, { path: "/executions" });
  faults.queue = "loses";
  await post(batch({ batch_id: "waits" }), ASYNC);

  const streams = await totals();
  expect(streams["batch-metrics"]).toMatchObject({
    accepted: 12,
    written: 9,
    dead: 1,
    pending: 1,
    dropped: 1,
    forgotten: 0,
    duplicates: 1,
    conflicts: 1,
    oldest_pending_seconds: expect.any(Number),
  });
  expect(streams["executions"]).toMatchObject({
    accepted: 1,
    written: 1,
    oldest_pending_seconds: null,
  });
});

test("what the ledger has forgotten stays in its totals", async ({ expect }) => {
  await post(batch());
  await runInDurableObject(shardFor("run-1"), (_, state) => {
    state.storage.sql.exec("UPDATE batches SET settled_at = 1");
    state.storage.sql.exec("INSERT OR REPLACE INTO notes VALUES ('forget_at', 1)");
  });
  await runDurableObjectAlarm(shardFor("run-1"));
  expect((await totals())["batch-metrics"]).toMatchObject({
    accepted: 1,
    written: 0,
    forgotten: 1,
  });
});

test("the totals of a stream with the longest name can be read", async ({ expect }) => {
  await runInDurableObject(shardFor("run-1"), (_, { storage }) => {
    const counters = new Counters(ledgerSqlOf(storage));
    counters.add(`rejected/${"a".repeat(40)}/too-large`, 2);
    expect(counters.under(`rejected/${"a".repeat(40)}`)).toEqual({ "too-large": 2 });
  });
});

test("refused uploads are counted by the kind of their problem", async ({ expect }) => {
  const before = (await totals())["batch-metrics"]?.["rejected"];
  expect(before).toEqual({});
  await post("{");
  await post({});
  await post(batch(), { headers: { "Content-Type": "text/plain" } });
  expect((await totals())["batch-metrics"]?.["rejected"]).toEqual({
    "invalid-batch": 2,
    "unsupported-media-type": 1,
  });
});

describe("the audit", () => {
  const errors: string[] = [];
  beforeEach(() => {
    errors.length = 0;
    vi.spyOn(console, "error").mockImplementation(
      (line: unknown) => void errors.push(String(line)),
    );
  });
  afterEach(() => vi.restoreAllMocks());

  const strike = () =>
    worker.scheduled(createScheduledController({ scheduledTime: Date.now() }), env);

  test("finds nothing where the ledger and D1 agree", async ({ expect }) => {
    for (let index = 0; index < 9; index++) await post(batch({ batch_id: `run-${index}` }));
    await post({ batch_id: "e", records: [execution()] }, { path: "/executions" });
    await strike();
    expect(errors).toEqual([]);
  });

  test("names a run that is gone from D1, and one whose content is another", async ({ expect }) => {
    await post(batch({ batch_id: "gone", results: [] }));
    await post(batch({ batch_id: "other" }));
    await post(batch({ batch_id: "torn", results: [result(), result()] }));
    await rows("DELETE FROM recipe_results WHERE id = (SELECT max(id) FROM recipe_results)");
    await rows("DELETE FROM batch_runs WHERE batch_id = 'gone'");
    await rows("UPDATE batch_runs SET digest = 'x' WHERE batch_id = 'other'");
    await strike();
    const found = errors
      .map((line) => JSON.parse(line))
      .toSorted((a, b) => (a.batch_ids < b.batch_ids ? -1 : 1));
    expect(found).toMatchObject([
      {
        event: "ledger.unbalanced",
        level: "error",
        batches: 1,
        batch_ids: "gone",
        reason: "written, but not in D1",
      },
      { event: "ledger.unbalanced", batch_ids: "other", reason: "D1 has other content" },
      { event: "ledger.unbalanced", batch_ids: "torn", reason: "2 rows were written, D1 has 1" },
    ]);
  });

  test("looks at a stretch again where D1 did not answer", async ({ expect }) => {
    await post(batch({ batch_id: "gone", results: [] }));
    await rows("DELETE FROM batch_runs");
    const bringBack = await takeAway();
    await strike();
    expect(errors.join()).toContain("ledger.audit-failed");
    await bringBack();
    await strike();
    expect(errors.join()).toContain("ledger.unbalanced");
  });

  test("goes on where it ended, and from the last batch back to the first", async ({ expect }) => {
    const first = env.LEDGER.getByName("shard-0");
    const dated_at = String(Date.now());
    await runInDurableObject(first, (_, { storage }) => {
      storage.sql.exec(insertBatches(AUDIT_ROWS + 2, { dated_at }));
    });
    const round: unknown[] = [];
    for (let hour = 0; hour < 3; hour++) {
      errors.length = 0;
      await strike();
      round.push(...errors.map((line) => JSON.parse(line)));
    }
    const ids = Array.from(
      { length: AUDIT_ROWS + 2 },
      (_, index) => `run-${String(index + 1).padStart(6, "0")}`,
    );
    const stretch = { batches: AUDIT_ROWS, batch_ids: ids.slice(0, 10).join(" ") };
    const last = { batches: 2, batch_ids: ids.slice(AUDIT_ROWS).join(" ") };
    expect(round).toMatchObject([stretch, last, stretch]);
  });

  test("begins at any shard, and asks none beyond what a Worker may", async ({ expect }) => {
    vi.spyOn(console, "log").mockImplementation(() => {});
    const dated_at = String(Date.now());
    for (const shard of ["shard-0", "shard-1"]) {
      await runInDurableObject(env.LEDGER.getByName(shard), (_, { storage }) => {
        storage.sql.exec(insertBatches(1, { dated_at }));
      });
    }
    // Each takes a query of the one database.
    const streams = Array.from({ length: AUDIT_QUERIES }, () => batchMetrics);
    const shards = (await allShards(env)).length;
    const audited: number[][] = [];
    for (const first of [0, 1]) {
      errors.length = 0;
      vi.spyOn(Math, "random").mockReturnValue((first + 0.5) / shards);
      await audit(streams, env, Date.now());
      audited.push([...new Set(errors.map((line) => Number(JSON.parse(line).shard)))]);
    }
    expect(audited).toEqual([[0], [1]]);
  });

  test("does not mind what retention has taken", async ({ expect }) => {
    await post(batch({ started_at: "2020-01-01T00:00:00Z" }));
    await strike();
    expect(await rows("SELECT * FROM batch_runs")).toEqual([]);
    await strike();
    expect(errors).toEqual([]);
  });
});
