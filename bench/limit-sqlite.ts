import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type SQLInputValue } from "node:sqlite";
import { batchMetrics } from "../src/streams/batch-metrics.ts";
import { encodeBody } from "../src/streams/body.ts";
import { parseBatch } from "../src/streams/parse.ts";
import type { Values } from "../src/streams/stream.ts";
import { migrations } from "./workerd.ts";
import type { Upload } from "./workload.ts";

const BATCHES_IN_TRANSACTION = 100;
const OWN_COLUMNS = ["batch_id", "digest", "write_id", "accepted_at", "row_count"];

/**
 * Rows per second that SQLite takes in this schema, row by row with prepared statements, 100
 * batches a transaction, WAL, in a file. Parsing is done before the clock starts. It is the limit of
 * this way of writing and not of SQLite: set-based statements need less time for each row.
 */
export async function sqliteRowsPerSecond(upload: Upload, seconds: number): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "millrace-sqlite-"));
  const database = new DatabaseSync(join(directory, "limit.sqlite"));
  database.exec("PRAGMA journal_mode = WAL");
  for (const text of migrations()) database.exec(text);

  const runColumns = Object.keys(batchMetrics.run.entries);
  const rowColumns = Object.keys(batchMetrics.row.entries);
  const insertRun = database.prepare(insertInto("batch_runs", [...OWN_COLUMNS, ...runColumns]));
  const insertRow = database.prepare(insertInto("recipe_results", ["batch_run_id", ...rowColumns]));

  const batch = parseBatch(batchMetrics, upload.text("limit"));
  const { digest } = await encodeBody(batchMetrics, batch);
  const run = valuesOf(batch.run, runColumns);
  const rows = batch.rows.map((row) => valuesOf(row, rowColumns));

  const started = performance.now();
  const end = started + seconds * 1000;
  let batches = 0;
  do {
    database.exec("BEGIN IMMEDIATE");
    for (let count = 0; count < BATCHES_IN_TRANSACTION && performance.now() < end; count++) {
      const accepted_at = new Date().toISOString();
      const own = [`limit-${++batches}`, digest, "limit", accepted_at, rows.length];
      const { lastInsertRowid } = insertRun.run(...own, ...run);
      for (const row of rows) insertRow.run(lastInsertRowid, ...row);
    }
    database.exec("COMMIT");
  } while (performance.now() < end);
  const took = (performance.now() - started) / 1000;
  database.close();
  rmSync(directory, { recursive: true, force: true });
  return (batches * rows.length) / took;
}

function insertInto(table: string, columns: readonly string[]): string {
  return `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`;
}

function valuesOf(values: Values, columns: readonly string[]): SQLInputValue[] {
  return columns.map((column) => {
    const value = values[column];
    return typeof value === "string" || typeof value === "number" ? value : null;
  });
}
