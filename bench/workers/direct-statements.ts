import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import type { Batch, Values } from "../../src/streams/stream.ts";

const OWN = ["batch_id", "digest", "write_id", "accepted_at", "row_count"];
const RUN_COLUMNS = Object.keys(batchMetrics.run.entries);
const ROW_COLUMNS = Object.keys(batchMetrics.row.entries);

/** Inserts the run. */
export function insertRun(database: D1Database, batch: Batch, digest: string): D1PreparedStatement {
  const accepted_at = new Date().toISOString();
  const own = [batch.batch_id, digest, "direct", accepted_at, batch.rows.length];
  const text = insertInto("batch_runs", [...OWN, ...RUN_COLUMNS]);
  return database.prepare(text).bind(...own, ...valuesOf(batch.run, RUN_COLUMNS));
}

/**
 * Inserts the results, a statement each.
 * @param run SQL that gives the id of their run from `?1`.
 * @param key the value of `?1`.
 */
export function insertResults(
  database: D1Database,
  batch: Batch,
  run: string,
  key: string | number,
): D1PreparedStatement[] {
  const columns = ["batch_run_id", ...ROW_COLUMNS];
  const insert = database.prepare(insertInto("recipe_results", columns, run));
  return batch.rows.map((row) => insert.bind(key, ...valuesOf(row, ROW_COLUMNS)));
}

function valuesOf(values: Values, columns: readonly string[]): unknown[] {
  return columns.map((column) => values[column] ?? null);
}

function insertInto(table: string, columns: readonly string[], first = "?1"): string {
  const rest = columns.slice(1).map((_, index) => `?${index + 2}`);
  return `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${[first, ...rest].join(", ")})`;
}
