import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { test } from "vitest";
import { ledgerSqlOf } from "../../src/durable/batch-ledger.ts";
import { createTables } from "../../src/durable/schema.ts";

test("a ledger from before there were several databases is brought up to date", async ({
  expect,
}) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), (_, { storage }) => {
    const sql = ledgerSqlOf(storage);
    sql.exec("ALTER TABLE batches DROP COLUMN database");
    createTables(sql);
    createTables(sql);
    expect(sql.exec("SELECT database FROM batches")).toEqual([]);
  });
});
