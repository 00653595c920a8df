import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "vitest";
import { differences, openLocalD1 } from "../../scripts/local-d1.ts";
import { newFolder } from "../folder.ts";

/** A database file as the local D1 keeps it, with a run of each of these batches. */
function writeDatabase(state: string, name: string, batch_ids: readonly string[]): void {
  const folder = join(state, "v3/d1/miniflare-D1DatabaseObject");
  mkdirSync(folder, { recursive: true });
  const database = new DatabaseSync(join(folder, `${name}.sqlite`));
  database.exec(`
    CREATE TABLE batch_runs (id INTEGER PRIMARY KEY, batch_id TEXT);
    CREATE TABLE recipe_results (
      id INTEGER PRIMARY KEY, batch_run_id, recipe_name, ecosystem, platform, result,
      error_category, error_message, duration_seconds)`);
  const insert = database.prepare("INSERT INTO batch_runs (batch_id) VALUES (?)");
  for (const batch_id of batch_ids) insert.run(batch_id);
  database.close();
}

test("batches are looked for in every local database, and one that is in two of them is told", ({
  expect,
}) => {
  const state = newFolder();
  writeDatabase(state, "first", ["a", "twice"]);
  writeDatabase(state, "second", ["b", "twice"]);
  const uploads = ["a", "b", "twice", "lost"].map((batch_id) => ({
    batch_id,
    results: [],
    text: "",
  }));
  expect(differences(openLocalD1(state), uploads)).toEqual(["twice: 2 runs", "lost: 0 runs"]);
});
