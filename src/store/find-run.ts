import type { SqlStore, SqlValue } from "../sql.ts";
import type { Stream, Tables } from "../streams/stream.ts";

/** A written run: its own columns, and how many rows came with it. */
export interface StoredRun {
  batch_run_id: number;
  digest: string;
  accepted_at: string;
  row_count: number;
  /** The stream's own columns. */
  fields: Record<string, SqlValue>;
}

/** The run of a batch, or null where the stream's tables do not have it (any more). */
export async function findRun(
  sql: SqlStore,
  stream: Stream,
  batch_id: string,
): Promise<StoredRun | null> {
  if (!stream.tables) return null;
  const row = await sql.first<Record<string, SqlValue>>(
    `SELECT * FROM ${stream.tables.run} WHERE batch_id = ?1`,
    batch_id,
  );
  if (!row) return null;
  const columns = Object.keys(stream.run.entries);
  return {
    batch_run_id: Number(row["id"]),
    digest: String(row["digest"]),
    accepted_at: String(row["accepted_at"]),
    row_count: Number(row["row_count"]),
    fields: Object.fromEntries(columns.map((column) => [column, row[column] ?? null])),
  };
}

/** What D1 has of a run. */
export interface Content {
  digest: string;
  /** How many rows there are; null where they are deleted by an age of their own. */
  row_count: number | null;
}

/** What the stream's tables have of each of these batches. */
export async function findContents(
  sql: SqlStore,
  tables: Tables,
  batch_ids: readonly string[],
): Promise<Map<string, Content>> {
  const { run, rows, runColumn, age } = tables;
  // Rows with an age of their own have no index by run, and no count to hold them to.
  const count = age.row ? "NULL" : `(SELECT count(*) FROM ${rows} WHERE ${runColumn} = run.id)`;
  const found = await sql.all<{ batch_id: string; digest: string; row_count: number | null }>(
    `SELECT batch_id, digest, ${count} AS row_count FROM ${run} AS run
     WHERE batch_id IN (SELECT value FROM json_each(?1))`,
    JSON.stringify(batch_ids),
  );
  return new Map(found.map(({ batch_id, ...content }) => [batch_id, content]));
}
