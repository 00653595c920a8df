import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { test } from "vitest";
import { ledgerSqlOf } from "../../src/durable/batch-ledger.ts";
import { realClock } from "../../src/durable/clock.ts";
import {
  COMPANY_MS,
  FORGET_ROWS,
  INTAKE_MS,
  OUTBOX_MS,
  OUTBOX_TICKETS,
  REDELIVER_TICKETS,
  RESEND_LONGEST_MS,
  SHARD_CROWDED_BYTES,
  STORE_COUNTS_MS,
} from "../../src/limits.ts";
import type { LedgerShard } from "../../src/durable/ledger-shard.ts";
import { batchOf, type Report } from "../../src/queue/ticket.ts";
import { admission } from "./admission.ts";
import { insertBatches } from "./insert-batches.ts";
import { shardByHand } from "./shard-by-hand.ts";

/** What a writer reports that has written the batch. */
function writtenReport(shard: LedgerShard, batch_id: string): Report {
  const key = `batch-metrics/${batch_id}`;
  const accepted_at = shard.ledger.find(key)?.accepted_at ?? 0;
  return { key, digest: "d1", accepted_at, replays: 0, outcome: "written", batch_run_id: 7 };
}

test("where the alarm cannot be set nothing is promised, and nothing is stored that it would have to come to", async ({
  expect,
}) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), async (_, { storage }) => {
    const { shard } = shardByHand(storage, {
      clock: realClock,
      setAlarm: () => Promise.reject(new Error("the alarm cannot be set")),
    });
    await expect(shard.accept(admission("run-1"), 0)).rejects.toThrow("the alarm cannot be set");
    expect(shard.ledger.find("batch-metrics/run-1")).toBeUndefined();
  });
});

test("a batch that relies on an alarm which is just being set is not stored where that fails", async ({
  expect,
}) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), async (_, { storage }) => {
    const { promise: beingSet, reject: fail } = Promise.withResolvers<void>();
    const started = Promise.withResolvers<void>();
    const { shard } = shardByHand(storage, {
      clock: realClock,
      setAlarm() {
        started.resolve();
        return beingSet;
      },
    });
    const first = shard.accept(admission("run-1"), 0);
    await started.promise;
    const second = shard.accept(admission("run-2"), 0);
    setTimeout(() => fail(new Error("the alarm cannot be set")), 50);
    const outcomes = await Promise.allSettled([first, second]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(shard.ledger.find("batch-metrics/run-2")).toBeUndefined();
  });
});

test("while a caller waits the next batch waits for company, and goes along with the settlement", async ({
  expect,
}) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), async (_, { storage }) => {
    const { clock, sent, shard } = shardByHand(storage);
    const first = shard.accept(admission("run-1"), 900);
    clock.pass(INTAKE_MS);
    await expect.poll(() => sent).toEqual([["run-1"]]);

    clock.pass(COMPANY_MS + 1);
    const second = shard.accept(admission("run-2"), 0);
    // Long enough for it to be stored, were it not waiting.
    await scheduler.wait(5);
    expect(shard.ledger.find("batch-metrics/run-2")).toBeUndefined();
    shard.settle([writtenReport(shard, "run-1")]);
    expect(await first).toMatchObject({ state: "written", batch_run_id: 7 });
    expect(await second).toMatchObject({ outcome: "accepted", state: "pending" });
  });
});

test("callers whose batches were written are expected back together", async ({ expect }) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), async (_, { storage }) => {
    const { clock, sent, shard } = shardByHand(storage);
    const post = (ids: string[]) => ids.map((id) => shard.accept(admission(id), 900));
    const first = post(["a", "b"]);
    clock.pass(INTAKE_MS);
    await expect.poll(() => sent).toEqual([["a", "b"]]);
    const settle = (ids: string[]) => shard.settle(ids.map((id) => writtenReport(shard, id)));
    settle(["a", "b"]);
    await Promise.all(first);

    const second = post(["c", "d"]);
    // No time passes: the turn ends because both have come.
    await expect
      .poll(() => sent)
      .toEqual([
        ["a", "b"],
        ["c", "d"],
      ]);
    settle(["c", "d"]);
    await Promise.all(second);
  });
});

test("a crowded shard forgets the oldest written batches before their time, and goes on at once", async ({
  expect,
}) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), async (_, { storage }) => {
    const real = ledgerSqlOf(storage);
    const kept = () => real.exec("SELECT key FROM batches ORDER BY rowid");
    const size = () => (kept().length > 3 ? SHARD_CROWDED_BYTES + 1 : 0);
    const { alarms, clock, shard } = shardByHand(storage, { sql: { ...real, size } });
    real.exec(
      insertBatches(FORGET_ROWS + 4, {
        key: "'batch-metrics/' || (100000 - value)",
        state: "CASE value WHEN 2 THEN 'dead' ELSE 'written' END",
        settled_at: "1000000",
      }),
    );
    await shard.alarm();
    const last = [3, 2, 1].map((more) => ({
      key: `batch-metrics/${100_000 - FORGET_ROWS - 5 + more}`,
    }));
    expect(kept()).toEqual([{ key: "batch-metrics/99998" }, ...last]);
    expect(alarms.at(-1)).toBe(clock.now());

    await shard.alarm();
    expect(kept()).toEqual([{ key: "batch-metrics/99998" }]);
    expect(alarms.at(-1)).toBeGreaterThan(clock.now());
    expect(shard.totals.of("batch-metrics")).toMatchObject({ forgotten: FORGET_ROWS + 3, dead: 1 });
  });
});

test("tickets beyond what the outbox holds are due again in a minute, and the others are sent", async ({
  expect,
}) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), async (_, { storage }) => {
    const { clock, sent, shard } = shardByHand(storage);
    const ids = Array.from({ length: OUTBOX_TICKETS + 401 }, (_each, index) => `run-${index}`);
    const stored = ids.map((id) => shard.accept(admission(id), 0));
    clock.pass(INTAKE_MS);
    await Promise.all(stored);
    const due = clock.now() + RESEND_LONGEST_MS;
    const rescheduled = ledgerSqlOf(storage).exec("SELECT key FROM batches WHERE due_at = ?", due);
    expect(rescheduled).toHaveLength(401);
    await expect.poll(() => sent.flat()).toHaveLength(OUTBOX_TICKETS);
    const kept = rescheduled.map(({ key }) => batchOf(String(key)).batch_id);
    expect([...sent.flat(), ...kept].toSorted()).toEqual(ids.toSorted());
  });
});

test("what is due beyond what one alarm sends is left to the next, at once", async ({ expect }) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), async (_, { storage }) => {
    const { alarms, clock, sent, shard, sql } = shardByHand(storage);
    // The last of them is due first.
    const due_at = `${clock.now()} - value`;
    sql.exec(insertBatches(REDELIVER_TICKETS + 2, { state: "'pending'", due_at }));
    await shard.alarm();
    expect(alarms.at(-1)).toBe(clock.now());
    await expect.poll(() => sent.flat()).toHaveLength(REDELIVER_TICKETS);
    expect(sent.flat()).not.toContain("run-000002");

    await shard.alarm();
    expect(alarms.at(-1)).toBeGreaterThan(clock.now());
    clock.pass(OUTBOX_MS);
    await expect.poll(() => sent.flat()).toHaveLength(REDELIVER_TICKETS + 2);
    expect(sent.flat().slice(-2).toSorted()).toEqual(["run-000001", "run-000002"]);
  });
});

test("duplicates and conflicts are in the stored totals within seconds", async ({ expect }) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), async (_, { storage }) => {
    const { clock, shard } = shardByHand(storage);
    const post = async (digest: string) => {
      const receipt = shard.accept({ ...admission("run-1"), digest }, 0);
      clock.pass(INTAKE_MS);
      await receipt;
    };
    for (const digest of ["d1", "d1", "d2"]) await post(digest);
    clock.pass(STORE_COUNTS_MS);
    const next = shardByHand(storage).shard;
    expect(next.totals.of("batch-metrics")).toMatchObject({ duplicates: 1, conflicts: 1 });
  });
});
