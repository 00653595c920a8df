import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { test } from "vitest";
import { ledgerSqlOf } from "../../src/durable/batch-ledger.ts";
import { realClock } from "../../src/durable/clock.ts";
import { LedgerShard } from "../../src/durable/ledger-shard.ts";
import { admission } from "./admission.ts";

test("where the alarm cannot be set nothing is promised, and nothing is stored that it would have to come to", async ({
  expect,
}) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), async (_, { storage }) => {
    const ports = {
      sql: ledgerSqlOf(storage),
      clock: realClock,
      send: () => Promise.resolve(),
      setAlarm: () => Promise.reject(new Error("the alarm cannot be set")),
    };
    const shard = new LedgerShard(ports, { shard: 0, redeliverAfterMs: 1_000, retentionMs: 1e9 });
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
    const ports = {
      sql: ledgerSqlOf(storage),
      clock: realClock,
      send: () => Promise.resolve(),
      setAlarm() {
        started.resolve();
        return beingSet;
      },
    };
    const shard = new LedgerShard(ports, { shard: 0, redeliverAfterMs: 1_000, retentionMs: 1e9 });
    const first = shard.accept(admission("run-1"), 0);
    await started.promise;
    const second = shard.accept(admission("run-2"), 0);
    setTimeout(() => fail(new Error("the alarm cannot be set")), 50);
    const outcomes = await Promise.allSettled([first, second]);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    expect(shard.ledger.find("batch-metrics/run-2")).toBeUndefined();
  });
});
