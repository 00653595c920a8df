import { globSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

/** An upload to batch-metrics, as far as the comparison looks into it. */
export interface Upload {
  /** The line it was read from. */
  text: string;
  batch_id: string;
  results: Record<string, string | number | null>[];
}

/**
 * The database files of the local D1, read-only: what is really there, seen without the service.
 * Batches are spread over them where `DATABASE_SHARDS` says so.
 * @throws Error where no local database has been migrated.
 */
export function openLocalD1(
  state = process.env["MILLRACE_STATE"] ?? ".wrangler/state",
): DatabaseSync[] {
  const found: DatabaseSync[] = [];
  for (const path of globSync(`${state}/v3/d1/*/*.sqlite`)) {
    const database = new DatabaseSync(path, { readOnly: true });
    const table = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'batch_runs'").get();
    if (table) found.push(database);
    else database.close();
  }
  if (found.length === 0) throw new Error(`there is no local database under ${state}`);
  return found;
}

const COLUMNS = [
  "recipe_name",
  "ecosystem",
  "platform",
  "result",
  "error_category",
  "error_message",
  "duration_seconds",
];

/** What of the uploads is not in the databases exactly once, with exactly its results, in order. */
export function differences(
  databases: readonly DatabaseSync[],
  uploads: readonly Upload[],
): string[] {
  const each = databases.map((database) => ({
    runs: database.prepare("SELECT id FROM batch_runs WHERE batch_id = ?"),
    results: database.prepare(
      `SELECT ${COLUMNS.join(", ")} FROM recipe_results WHERE batch_run_id = ? ORDER BY id`,
    ),
  }));
  const found: string[] = [];
  for (const upload of uploads) {
    const stored = each.flatMap(({ runs, results }) =>
      runs.all(upload.batch_id).map((run) => JSON.stringify(results.all(run["id"] ?? null))),
    );
    const sent = upload.results.map((result) =>
      Object.fromEntries(COLUMNS.map((column) => [column, result[column] ?? null])),
    );
    if (stored.length !== 1) found.push(`${upload.batch_id}: ${stored.length} runs`);
    else if (stored[0] !== JSON.stringify(sent))
      found.push(`${upload.batch_id}: its results differ`);
  }
  return found;
}
