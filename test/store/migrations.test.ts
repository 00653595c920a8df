import { applyD1Migrations } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { test } from "vitest";
import { STREAMS } from "../../src/streams/index.ts";
import { batch, execution, post, rows } from "../client.ts";
import { deployments } from "../worker.ts";

const BOOKKEEPING = ["id", "batch_id", "digest", "write_id", "accepted_at", "row_count"];

test.for([...STREAMS, deployments].map((stream) => [stream.name, stream] as const))(
  "the tables of %s have the columns of its schema",
  async ([, stream], { expect }) => {
    const { tables, run, row } = stream;
    const columnsOf = async (table = "") =>
      (await rows<{ name: string }>("SELECT name FROM pragma_table_info(?1)", table)).map(
        ({ name }) => name,
      );
    expect((await columnsOf(tables?.run)).toSorted()).toEqual(
      [...BOOKKEEPING, ...Object.keys(run.entries)].toSorted(),
    );
    expect((await columnsOf(tables?.rows)).toSorted()).toEqual(
      ["id", tables?.runColumn ?? "", ...Object.keys(row.entries)].toSorted(),
    );
  },
);

test("migrations can be applied again", async ({ expect }) => {
  await applyD1Migrations(env.DB, env.MIGRATIONS);
  expect(await rows("SELECT count(*) AS n FROM d1_migrations")).toEqual([
    { n: env.MIGRATIONS.length },
  ]);
});

test("a result cannot be without its run, nor a run deleted under its results", async ({
  expect,
}) => {
  const orphan = `INSERT INTO recipe_results (batch_run_id, recipe_name, ecosystem, result) VALUES (99, 'a', 'b', 'passed')`;
  await expect(rows(orphan)).rejects.toThrow("FOREIGN KEY constraint failed");
  await post(batch());
  await expect(rows("DELETE FROM batch_runs")).rejects.toThrow("FOREIGN KEY constraint failed");
});

test("a result is passed, failed or skipped, whoever inserts", async ({ expect }) => {
  await post(batch());
  const insert = `INSERT INTO recipe_results (batch_run_id, recipe_name, ecosystem, result)
    SELECT id, 'a', 'b', 'ok' FROM batch_runs`;
  await expect(rows(insert)).rejects.toThrow("CHECK constraint failed: result");
  for (const result of ["passed", "failed", "skipped"]) await rows(insert.replace("ok", result));
});

test("a batch_id is in its table once, whoever inserts", async ({ expect }) => {
  await post({ batch_id: "e", records: [execution()] }, { path: "/executions" });
  await expect(
    rows(`INSERT INTO execution_uploads (batch_id, digest, write_id, accepted_at, row_count)
          SELECT batch_id, digest, write_id, accepted_at, row_count FROM execution_uploads`),
  ).rejects.toThrow("UNIQUE constraint failed");
});

test("what the queries look for has an index, and results have no more than the one they need", async ({
  expect,
}) => {
  const indexes = await rows<{ tbl_name: string; name: string }>(
    "SELECT tbl_name, name FROM sqlite_master WHERE type = 'index' AND name NOT LIKE 'sqlite_%'",
  );
  const of = (table: string) =>
    indexes.filter(({ tbl_name }) => tbl_name === table).map(({ name }) => name);
  expect(of("recipe_results")).toEqual(["recipe_results_batch_run_id"]);
  expect(of("executions").toSorted()).toEqual(["executions_created_at", "executions_repo"]);
  const plan = await rows<{ detail: string }>(
    "EXPLAIN QUERY PLAN SELECT * FROM batch_runs WHERE batch_id = ?1",
    "a",
  );
  expect(plan[0]?.detail).toContain("USING INDEX");
});
