import { globSync, readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "vitest";

const QUERIES = [...readFileSync("docs/tables.md", "utf8").matchAll(/```sql\n(.+?)```/gs)].map(
  ([, text = ""]) => text,
);

/** The tables as the migrations make them, with two runs of yesterday and one review in them. */
function filled(): DatabaseSync {
  const db = new DatabaseSync(":memory:");
  for (const path of globSync("migrations/*/*.sql").toSorted()) db.exec(readFileSync(path, "utf8"));
  const yesterday = `${new Date(Date.now() - 24 * 60 * 60 * 1000).toISOString().slice(0, 10)}T12:00:00Z`;
  for (const [id, result] of ["failed", "passed"].entries()) {
    db.prepare(`
      INSERT INTO batch_runs (id, batch_id, ecosystem, started_at, total_recipes, passed, failed, skipped,
        digest, write_id, accepted_at, row_count)
      VALUES (?, ?, 'npm', ?, 1, 1, 0, 0, 'd', 'w', ?, 1)`).run(
      id,
      `github:owner+name:${id}:1:test`,
      yesterday,
      yesterday,
    );
    db.prepare(`
      INSERT INTO recipe_results (batch_run_id, recipe_name, ecosystem, result)
      VALUES (?, 'node', 'npm', ?)`).run(id, result);
  }
  db.prepare(`
    INSERT INTO executions (upload_id, repo, event_type, model, conclusion, created_at)
    VALUES (1, 'owner/name', 'push', 'm', 'success', ?)`).run(yesterday);
  return db;
}

test.for(QUERIES.map((text) => [text]))(
  "the documented query answers: %s",
  ([text = ""], { expect }) => {
    expect(filled().prepare(text).all().length).toBeGreaterThan(0);
  },
);

test("the documented queries read no whole table of runs or results", ({ expect }) => {
  const db = filled();
  const scans = QUERIES.flatMap((text) => db.prepare(`EXPLAIN QUERY PLAN ${text}`).all())
    .map(({ detail }) => String(detail))
    .filter((detail) => detail.startsWith("SCAN"));
  expect(QUERIES.length).toBeGreaterThan(4);
  expect(scans).toEqual([]);
});
