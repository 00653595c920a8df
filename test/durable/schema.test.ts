import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { test } from "vitest";
import { ledgerSqlOf } from "../../src/durable/batch-ledger.ts";
import { Totals } from "../../src/durable/totals.ts";
import { realClock } from "../../src/durable/clock.ts";
import { listDeadLetters } from "../../src/durable/dead-letter-list.ts";
import { Ledger } from "../../src/durable/ledger.ts";
import { CONFLICT, type LedgerSql } from "../../src/durable/schema.ts";
import { admission } from "./admission.ts";

const BATCH = {
  ...admission("one"),
  body: { run: "{}", parts: ['[["jq","homebrew"]]'] },
};
const WRITTEN = {
  key: "batch-metrics/one",
  digest: "d1",
  accepted_at: 0,
  replays: 0,
  outcome: "written",
  batch_run_id: 7,
} as const;

/** How a table was made. */
function definitionOf(sql: LedgerSql, table: string): string {
  return String(sql.exec("SELECT sql FROM sqlite_master WHERE name = ?", table)[0]?.["sql"]);
}

test("no table without rowids holds bodies: SQLite would read them to compare keys", async ({
  expect,
}) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), (_, { storage }) => {
    const sql = ledgerSqlOf(storage);
    for (const table of ["batches", "body_parts"]) {
      const made = definitionOf(sql, table);
      expect(made).toMatch(/^CREATE TABLE/);
      expect(made).not.toMatch(/WITHOUT ROWID/i);
    }
  });
});

test("dead letters come in their order from an index, and the totals read no batch that is written", async ({
  expect,
}) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), (_, { storage }) => {
    const plans: string[] = [];
    const sql: LedgerSql = {
      ...ledgerSqlOf(storage),
      exec(text, ...parameters) {
        const steps = storage.sql.exec<{ detail: string }>(
          `EXPLAIN QUERY PLAN ${text}`,
          ...parameters,
        );
        plans.push(
          steps
            .toArray()
            .map(({ detail }) => detail)
            .join("; "),
        );
        return [];
      },
    };
    listDeadLetters(sql, {}, undefined, 10);
    expect(plans.at(-1)).toMatch(/^SEARCH batches USING INDEX batches_dead/);
    expect(plans.at(-1)).not.toMatch(/TEMP B-TREE/);
    new Totals(sql, realClock).of("batch-metrics");
    const [pending, dead] = plans.slice(1).filter((plan) => plan.includes(" batches "));
    expect(pending).toMatch(/INDEX batches_due/);
    expect(dead).toMatch(/INDEX batches_dead/);
  });
});

test("a batch costs four written rows: three to accept it, one to settle it; and a settlement one for each stream", async ({
  expect,
}) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), (_, { storage }) => {
    let written = 0;
    const counted: LedgerSql = {
      ...ledgerSqlOf(storage),
      exec(text, ...parameters) {
        const cursor = storage.sql.exec<Record<string, string | number | null>>(
          text,
          ...parameters,
        );
        const rows = cursor.toArray();
        written += cursor.rowsWritten;
        return rows;
      },
    };
    const ledger = new Ledger(counted, { shard: 0, redeliverAfterMs: 1_000 });
    written = 0;
    ledger.accept(BATCH, 0);
    expect(written).toBe(3);
    ledger.accept(BATCH, 0);
    ledger.claim([WRITTEN.key]);
    expect(written, "a duplicate and a claim").toBe(3);
    ledger.settle([WRITTEN], 1);
    expect(written).toBe(5);
    const others = ["two", "three", "four"];
    for (const id of others) ledger.accept({ ...BATCH, ...admission(id) }, 0);
    const reports = others.map((id) => ({ ...WRITTEN, key: `batch-metrics/${id}` }));
    written = 0;
    ledger.settle(reports, 1);
    expect(written, "three batches, and the number of them").toBe(4);
    ledger.settle(reports, 1);
    expect(written, "again").toBe(4);
  });
});

test("a conflict is known by its reason, which ledgers have stored: its words are for ever", ({
  expect,
}) => {
  expect(CONFLICT).toBe("conflict: this batch_id is written with different content");
});
