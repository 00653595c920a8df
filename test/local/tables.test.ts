import { globSync, readFileSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { test } from "vitest";

const QUERIES = [...readFileSync("docs/tables.md", "utf8").matchAll(/```sql\n(.+?)```/gs)].map(
  ([, text = ""]) => text,
);

/** A run with one result. */
interface Run {
  repository?: string;
  recipe?: string;
  platform?: string | null;
  result: "passed" | "failed";
}

const RUNS: Run[] = [{ result: "failed" }, { result: "passed" }];

/** The tables as the migrations make them, with these runs of yesterday, and one review, in them. */
function filled(runs: Run[] = RUNS): DatabaseSync {
  const db = new DatabaseSync(":memory:");
  for (const path of globSync("migrations/*/*.sql").toSorted()) db.exec(readFileSync(path, "utf8"));
  const yesterday = `${new Date(Date.now() - 24 * 60 * 60 * 1000).toISOString().slice(0, 10)}T12:00:00Z`;
  for (const [id, run] of runs.entries()) {
    const { repository = "owner+name", recipe = "node", platform = null, result } = run;
    db.prepare(`
      INSERT INTO batch_runs (id, batch_id, ecosystem, started_at, total_recipes, passed, failed, skipped,
        digest, write_id, accepted_at, row_count)
      VALUES (?, ?, 'npm', ?, 1, 1, 0, 0, 'd', 'w', ?, 1)`).run(
      id,
      `github:${repository}:${id}:1:test`,
      yesterday,
      yesterday,
    );
    db.prepare(`
      INSERT INTO recipe_results (batch_run_id, recipe_name, ecosystem, platform, result)
      VALUES (?, ?, 'npm', ?, ?)`).run(id, recipe, platform, result);
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

/** What the documented query that has this text in it answers where there are these runs. */
function answerOf(text: string, runs: Run[]) {
  const query = QUERIES.find((each) => each.includes(text)) ?? "";
  return filled(runs).prepare(query).all();
}

test("the documented queries of a recipe keep repositories and platforms apart", ({ expect }) => {
  const runs: Run[] = [
    { result: "failed", platform: "linux" },
    { result: "passed", platform: "linux" },
    // No flaky ones: another repository's, and one that fails on one platform each time.
    { result: "failed", recipe: "other", repository: "owner+name-2" },
    { result: "passed", recipe: "other" },
    { result: "failed", recipe: "leg", platform: "macos" },
    { result: "failed", recipe: "leg", platform: "macos" },
    { result: "passed", recipe: "leg", platform: "linux" },
    { result: "failed", repository: "owner+name-2" },
  ];
  expect(answerOf("AS last_failed", runs)).toMatchObject([
    { recipe_name: "leg", platform: "macos", failures: 2 },
    { recipe_name: "node", platform: "linux", failures: 1 },
  ]);
  expect(answerOf("recipe_name = 'node'", runs)).toHaveLength(2);
  expect(answerOf("HAVING passes", runs)).toMatchObject([
    { recipe_name: "node", platform: "linux", passes: 1, failures: 1 },
  ]);
});
