import { env } from "cloudflare:workers";
import { describe, test } from "vitest";
import { CULPRIT_ATTEMPTS, GROUP_TRANSACTIONS } from "../../src/limits.ts";
import { type PendingBatch, writeBatches } from "../../src/queue/write-batches.ts";
import type { SqlStore } from "../../src/sql.ts";
import { openStream } from "../../src/store/index.ts";
import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import type { StreamSink } from "../../src/streams/stream.ts";
import { admission } from "../durable/admission.ts";
import { admin, ask, ASYNC, batch, count, post, result, rows, untilStatus } from "../client.ts";
import { poison, takeAway } from "../faulty-database.ts";

/** A batch that was given out to be written. */
function pending(batch_id: string, before: Partial<PendingBatch> = {}): PendingBatch {
  const key = `batch-metrics/${batch_id}`;
  const accepted_at = "2026-11-01T10:00:00Z";
  return {
    ...admission(batch_id),
    key,
    accepted_at,
    database: 0,
    replays: 0,
    attempts: 0,
    reason: null,
    ...before,
  };
}

/** The database, whose transactions all fail like this. */
function failingStore(reason: string): SqlStore & { transactions: number } {
  const [real] = openStream(batchMetrics, env).databases;
  if (!real) throw new Error("no database is bound");
  return {
    ...real,
    transactions: 0,
    batch() {
      this.transactions += 1;
      return Promise.reject(new Error(reason));
    },
  };
}

const ODD = "something new";
const OVERLOADED = "D1 DB is overloaded";

describe.for([
  { to: "a table", sinkOf: () => null },
  {
    to: "a sink",
    sinkOf: (reason: string): StreamSink => ({ write: () => Promise.reject(new Error(reason)) }),
  },
])("a batch that fails by itself on its way to $to", ({ sinkOf }) => {
  test.for([
    { what: "at first comes again", now: ODD, before: ODD, attempts: 1, outcome: "failed" },
    {
      what: "comes again until its attempts are used up",
      now: ODD,
      before: ODD,
      attempts: CULPRIT_ATTEMPTS - 1,
      outcome: "failed",
    },
    {
      what: "is dead when its attempts are used up",
      now: ODD,
      before: ODD,
      attempts: CULPRIT_ATTEMPTS,
      outcome: "dead",
    },
    {
      what: "once after a long outage comes again",
      now: ODD,
      before: OVERLOADED,
      attempts: 5 * CULPRIT_ATTEMPTS,
      outcome: "failed",
    },
    {
      what: "again after a long outage is dead",
      now: ODD,
      before: ODD,
      attempts: 5 * CULPRIT_ATTEMPTS,
      outcome: "dead",
    },
    {
      what: "because a database is away outlasts the outage",
      now: OVERLOADED,
      before: OVERLOADED,
      attempts: 5 * CULPRIT_ATTEMPTS,
      outcome: "failed",
    },
  ])("$what", async ({ now, before, attempts, outcome }, { expect }) => {
    const open = { stream: batchMetrics, databases: [failingStore(now)], sink: sinkOf(now) };
    const failing = pending("run-1", { attempts: attempts - 1, reason: before });
    expect(await writeBatches(open, [failing])).toMatchObject([{ outcome, reason: now }]);
  });
});

describe("a poisoned batch", () => {
  test("among 99 good ones dies alone, with its reason, and the others are written", async ({
    expect,
  }) => {
    await poison();
    const batches = Array.from({ length: 100 }, (_, index) =>
      batch({
        batch_id: `run-${index}`,
        results: [result({ recipe_name: index === 41 ? "poison" : "node" })],
      }),
    );
    await Promise.all(batches.map((each) => post(each, ASYNC)));
    const dead = await untilStatus("dead", "/batch-metrics/run-41");
    expect(dead).toMatchObject({ reason: expect.stringContaining("poisoned recipe"), attempts: 1 });
    await expect.poll(() => count("batch_runs")).toBe(99);
    expect(await rows("SELECT * FROM batch_runs WHERE batch_id = 'run-41'")).toEqual([]);
    expect(await count("recipe_results")).toBe(99);
  });

  test("tells its waiting poster that it died and is kept; posted again it is tried again", async ({
    expect,
  }) => {
    const heal = await poison("node");
    const first = await post(batch());
    expect(first.status).toBe(202);
    expect(await first.json()).toMatchObject({
      status: "dead",
      reason: expect.stringContaining("poisoned"),
    });
    await heal();
    const again = await post(batch());
    expect([again.status, again.headers.get("Idempotent-Replayed")]).toEqual([201, "true"]);
    expect(await count("recipe_results")).toBe(1);
  });
});

describe("D1", () => {
  test("that fails in a way nobody knows is not asked for ever, and every batch comes again", async ({
    expect,
  }) => {
    const failing = failingStore("D1_ERROR: something new");
    const batches = Array.from({ length: 300 }, (_, index) => pending(`run-${index}`));
    const open = { stream: batchMetrics, databases: [failing], sink: null };
    const reports = await writeBatches(open, batches);
    expect(reports.map(({ outcome }) => outcome)).toEqual(batches.map(() => "failed"));
    // And one for each group that the search has set aside on its way down.
    expect(failing.transactions).toBeLessThan(GROUP_TRANSACTIONS + 10);
  });

  test("that fails for a while and is well again writes the batch without anyone's help", async ({
    expect,
  }) => {
    const bringBack = await takeAway();
    await post(batch(), ASYNC);
    const status = async () => (await ask("/batch-metrics/run-1")).json();
    await expect.poll(status).toMatchObject({ attempts: 1 });
    await bringBack();
    await untilStatus("written");
    expect([await count("batch_runs"), await count("recipe_results")]).toEqual([1, 1]);
  });

  test("that fails for ever makes a dead letter, which is replayed and written", async ({
    expect,
  }) => {
    const bringBack = await takeAway();
    await post(batch(), ASYNC);
    const list = async () => (await ask("/dead-letters", "admin")).json();
    await expect.poll(list).toMatchObject({ total: 1 });
    await bringBack();
    expect(await (await ask("/batch-metrics/run-1")).json()).toMatchObject({
      status: "dead",
      reason: expect.stringContaining("no such table"),
      attempts: 2,
      next: expect.stringContaining("replay"),
    });
    expect((await admin("POST /dead-letters/batch-metrics/run-1/replay")).status).toBe(202);
    await untilStatus("written");
    const again = await post(batch());
    expect([again.status, again.headers.get("Idempotent-Replayed")]).toEqual([201, "true"]);
    expect([await count("batch_runs"), await count("recipe_results")]).toEqual([1, 1]);
  });
});
