import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { test } from "vitest";
import { ledgerSqlOf } from "../../src/durable/batch-ledger.ts";
import { Ledger } from "../../src/durable/ledger.ts";
import { Placements, union } from "../../src/durable/placements.ts";
import { createTables } from "../../src/durable/schema.ts";
import { admission } from "./admission.ts";

const SETTINGS = { shard: 0, redeliverAfterMs: 1_000 };

test("a ledger remembers over how many databases each stream was spread, also after the batches are gone", async ({
  expect,
}) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), (_, { storage }) => {
    const sql = ledgerSqlOf(storage);
    const ledger = new Ledger(sql, SETTINGS);
    expect(ledger.placements.of("batch-metrics")).toEqual([]);
    ledger.accept({ ...admission("one"), databases: 2 }, 0);
    ledger.accept({ ...admission("two"), databases: 2 }, 0);
    ledger.accept({ ...admission("three"), databases: 12 }, 0);
    ledger.accept({ ...admission("four"), stream: "executions" }, 0);
    sql.exec("DELETE FROM batches");

    const { placements } = new Ledger(sql, SETTINGS);
    expect(placements.of("batch-metrics")?.toSorted()).toEqual([12, 2]);
    expect(placements.of("executions")).toEqual([1]);
    expect(placements.of("batch")).toEqual([]);
  });
});

test("a ledger with batches from before placements were noted does not know them", async ({
  expect,
}) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), (_, { storage }) => {
    const sql = ledgerSqlOf(storage);
    sql.exec("DROP TABLE notes");
    createTables(sql);
    const placements = new Placements(sql);
    placements.note("batch-metrics", 2);
    expect(placements.of("batch-metrics")).toBeNull();
  });
});

test("what one shard does not know, nobody does", ({ expect }) => {
  expect(union([[1, 4], [], [4, 2]])?.toSorted()).toEqual([1, 2, 4]);
  expect(union([[1], null])).toBeNull();
});
