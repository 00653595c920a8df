import { env } from "cloudflare:workers";
import { test } from "vitest";
import type { SqlStore, SqlValue } from "../../src/sql.ts";
import { failureOf } from "../../src/store/failure.ts";
import { findOutcomes, insertGroup } from "../../src/store/insert-group.ts";
import { createSqlStore } from "../../src/store/sql-store.ts";
import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import { encodeBody } from "../../src/streams/body.ts";
import { parseBatch } from "../../src/streams/parse.ts";
import { batch, count, result, rows } from "../client.ts";

async function stored(overrides: Record<string, unknown> = {}) {
  const parsed = parseBatch(batchMetrics, JSON.stringify(batch(overrides)));
  const { body, digest } = await encodeBody(batchMetrics, parsed);
  const accepted_at = "2026-11-01T00:00:00.000Z";
  return { batch_id: parsed.batch_id, digest, accepted_at, row_count: parsed.rows.length, body };
}

function sqlStore(): SqlStore {
  const sql = createSqlStore("batch-metrics", env);
  if (!sql) throw new Error("the tests bind a database");
  return sql;
}

async function insert(batches: Awaited<ReturnType<typeof stored>>[], sql = sqlStore()) {
  const { tables } = batchMetrics;
  if (!tables) throw new Error("batch-metrics has tables");
  return insertGroup(sql, batchMetrics, tables, batches);
}

test("a group that was committed and whose answer was lost is found, not written again", async ({
  expect,
}) => {
  const group = [await stored(), await stored({ batch_id: "run-2" })];
  const sql = sqlStore();
  const losing: SqlStore = {
    ...sql,
    async batch(statements) {
      await sql.batch(statements);
      throw new Error("D1_ERROR: Network connection lost.");
    },
  };
  await expect(insert(group, losing)).rejects.toThrow("Network connection lost");
  const outcomes = await insert(group);
  expect(outcomes.get("run-1")).toEqual({
    outcome: "written",
    batch_run_id: 1,
    accepted_at: expect.any(String),
  });
  expect([await count("batch_runs"), await count("recipe_results")]).toEqual([2, 2]);
});

test("a batch that meets other content is a conflict, and its neighbours are written", async ({
  expect,
}) => {
  await insert([await stored()]);
  const outcomes = await insert([
    await stored({ results: [result(), result()] }),
    await stored({ batch_id: "run-2" }),
  ]);
  expect(outcomes.get("run-1")).toMatchObject({ outcome: "conflict", batch_run_id: 1 });
  expect(outcomes.get("run-2")).toEqual({
    outcome: "written",
    batch_run_id: expect.any(Number),
  });
  expect(await count("recipe_results")).toBe(2);
});

test("an SQLite without jsonb_each is met with json_each, from then on at once", async ({
  expect,
}) => {
  const sql = sqlStore();
  const texts: string[] = [];
  const older: SqlStore = {
    ...sql,
    async batch(statements) {
      texts.push(...statements.map(({ text }) => text));
      if (statements.some(({ text }) => text.includes("jsonb_each"))) {
        throw new Error("D1_ERROR: no such table: jsonb_each: SQLITE_ERROR");
      }
      return sql.batch(statements);
    },
  };
  await insert([await stored()], older);
  texts.length = 0;
  const outcomes = await insert([await stored({ batch_id: "run-2" })], older);
  expect(outcomes.get("run-2")).toEqual({
    outcome: "written",
    batch_run_id: expect.any(Number),
  });
  expect(texts.join()).not.toContain("jsonb_each");
  expect([await count("batch_runs"), await count("recipe_results")]).toEqual([2, 2]);
});

test("a group is whole or absent: one batch that D1 refuses takes all with it", async ({
  expect,
}) => {
  const bad = {
    ...(await stored({ batch_id: "bad" })),
    body: { run: '{"total_recipes":-1}', parts: ["[]"] },
  };
  await expect(insert([await stored(), bad])).rejects.toThrow("constraint");
  expect([await count("batch_runs"), await count("recipe_results")]).toEqual([0, 0]);
});

test("one result costs two written rows in D1: itself and its index entry", async ({ expect }) => {
  const written: number[] = [];
  const sql = sqlStore();
  const counting: SqlStore = {
    ...sql,
    async batch(statements) {
      const results = await sql.batch(statements);
      written.push(...results.map(({ rowsWritten }) => rowsWritten));
      return results;
    },
  };
  await insert([await stored({ results: Array.from({ length: 100 }, () => result()) })], counting);
  // Above that: the sequence of the table's AUTOINCREMENT, once a statement.
  expect(written[1]).toBe(201);
});

test("parts of a large body are written in their order", async ({ expect }) => {
  const results = Array.from({ length: 2_000 }, (_, index) =>
    result({ recipe_name: `r${index}`, error_message: "é".repeat(700) }),
  );
  const large = await stored({ results });
  expect(large.body.parts.length).toBeGreaterThan(2);
  await insert([large]);
  const names = await rows<{ recipe_name: string }>(
    "SELECT recipe_name FROM recipe_results ORDER BY id",
  );
  expect(names.map(({ recipe_name }) => recipe_name)).toEqual(
    results.map((_, index) => `r${index}`),
  );
});

test("ids that are too long together for one parameter are looked for in several", async ({
  expect,
}) => {
  const { tables } = batchMetrics;
  if (!tables) throw new Error("batch metrics have tables");
  const one = await stored();
  const batches = Array.from({ length: 12_000 }, (_, index) => ({
    ...one,
    batch_id: `${index}-`.padEnd(200, "x"),
  }));
  const parameters: string[] = [];
  const sql = sqlStore();
  const all = <Row>(text: string, ...values: SqlValue[]) => {
    parameters.push(String(values[0]));
    return sql.all<Row>(text, ...values);
  };
  await findOutcomes({ ...sql, all }, tables, batches);
  expect(parameters).toHaveLength(2);
  expect(parameters.flatMap((text) => JSON.parse(text))).toEqual(
    batches.map(({ batch_id }) => batch_id),
  );
});

test.for([
  ["D1_ERROR: NOT NULL constraint failed: a.b: SQLITE_CONSTRAINT", "permanent"],
  ["D1_ERROR: cannot store TEXT value in REAL column a.b: SQLITE_CONSTRAINT", "permanent"],
  ["D1_ERROR: string or blob too big: SQLITE_TOOBIG", "permanent"],
  ["D1_ERROR: D1 DB is overloaded. Too many requests queued.", "transient"],
  ["D1_ERROR: Network connection lost.", "transient"],
  [
    "D1_ERROR: D1 DB storage operation exceeded timeout which caused object to be reset.",
    "transient",
  ],
  ["D1_ERROR: Exceeded maximum DB size.", "transient"],
  ["D1_ERROR: Your account has exceeded D1's maximum account storage limit.", "transient"],
  ["Cannot resolve D1 DB due to transient issue on remote node.", "transient"],
  ["Too many API requests by single worker invocation.", "transient"],
  ["D1_ERROR: no such table: batch_runs: SQLITE_ERROR", "transient"],
  ["D1_ERROR: something new", "unknown"],
  [
    "database 1 was to be asked first: D1_ERROR: string or blob too big: SQLITE_TOOBIG",
    "transient",
  ],
] as const)("%s is %s", ([reason, failure], { expect }) => {
  expect(failureOf(reason)).toBe(failure);
});
