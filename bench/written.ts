import type { DatabaseSync } from "node:sqlite";
import type { Written } from "./contestant.ts";

/** What is in the files of local databases. A batch is in one of them. */
export function writtenIn(files: readonly DatabaseSync[]): Written {
  const counts = files.map((file) => file.prepare("SELECT count(*) AS number FROM batch_runs"));
  const absent = files.map((file) =>
    file.prepare(`
      SELECT value FROM json_each(?)
      WHERE NOT EXISTS (SELECT 1 FROM batch_runs WHERE batch_id = value)`),
  );
  return {
    count: async () => counts.reduce((sum, count) => sum + Number(count.get()?.["number"]), 0),
    missing: async (ids) =>
      absent.reduce<readonly unknown[]>(
        (left, statement) => statement.all(JSON.stringify(left)).map(({ value }) => value),
        ids,
      ).length,
  };
}
