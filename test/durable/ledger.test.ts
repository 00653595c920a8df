import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { test } from "vitest";
import { ledgerSqlOf } from "../../src/durable/batch-ledger.ts";
import { Ledger } from "../../src/durable/ledger.ts";
import { SIZE_LOOK_BYTES, SHARD_FULL_BYTES } from "../../src/limits.ts";
import { admission } from "./admission.ts";

test("a body in parts is given out whole, also by an instance that did not take it", async ({
  expect,
}) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), (_, { storage }) => {
    const sql = ledgerSqlOf(storage);
    const settings = { shard: 0, redeliverAfterMs: 1_000 };
    const body = { run: "{}", parts: ['[["jq","homebrew"]]', '[["wget","homebrew"]]'] };
    const key = "batch-metrics/long";
    new Ledger(sql, settings).accept({ ...admission("long"), body }, 0);

    const next = new Ledger(sql, settings);
    expect(next.claim([key])).toMatchObject([{ state: "pending", body }]);
    const attempt = { key, digest: "d1", accepted_at: 0, replays: 0 };
    next.settle([{ ...attempt, outcome: "written", batch_run_id: 7 }], 1);
    expect(sql.exec("SELECT key FROM body_parts")).toEqual([]);
  });
});

test("a full ledger is noticed within so many bytes, and room in it at once", async ({
  expect,
}) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), (_, { storage }) => {
    let size = 0;
    const sql = { ...ledgerSqlOf(storage), size: () => size };
    const ledger = new Ledger(sql, { shard: 0, redeliverAfterMs: 1_000 });
    const outcome = (batch_id: string) =>
      ledger.accept({ ...admission(batch_id), bytes: SIZE_LOOK_BYTES / 2 }, 0).receipt.outcome;

    expect(outcome("a")).toBe("accepted");
    size = SHARD_FULL_BYTES + 1;
    expect(["b", "c", "d", "a"].map(outcome)).toEqual([
      "accepted",
      "overloaded",
      "overloaded",
      "duplicate",
    ]);
    size = 0;
    expect(outcome("d")).toBe("accepted");
  });
});

test("what failed is not sent again while the queue has its ticket: an outage would multiply it", async ({
  expect,
}) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), (_, { storage }) => {
    const ledger = new Ledger(ledgerSqlOf(storage), { shard: 0, redeliverAfterMs: 1_000 });
    ledger.accept(admission("one"), 0);
    const attempt = { key: "batch-metrics/one", digest: "d1", accepted_at: 0, replays: 0 };
    ledger.settle([{ ...attempt, outcome: "failed", reason: "away" }], 900);
    expect(ledger.redeliver(1_000, 10)).toEqual([]);
    expect(ledger.nextDue()).toBe(1_900);
    expect(ledger.redeliver(1_900, 10)).toHaveLength(1);
  });
});
