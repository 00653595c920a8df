import { RETENTION_ROWS, RETENTION_STATEMENTS } from "../limits.ts";
import type { SqlStore } from "../sql.ts";
import type { Stream } from "../streams/stream.ts";

/** What one run of retention did. */
export interface Deleted {
  rows: number;
  runs: number;
  /** There is more than one run of retention may delete; the next goes on. */
  more: boolean;
}

/**
 * Deletes what is older than the cutoff, rows before their runs, a bounded number at a time.
 * Safe to repeat and to break off: what is left is found again by its age.
 * @param cutoff ISO 8601 in UTC; what is older goes.
 */
export async function deleteExpired(
  sql: SqlStore,
  stream: Stream,
  cutoff: string,
): Promise<Deleted> {
  const { tables } = stream;
  if (!tables) return { rows: 0, runs: 0, more: false };
  const { run, rows, runColumn, age } = tables;

  const expiredRows = age.row
    ? `SELECT id FROM ${rows} WHERE ${age.row} < ?1 LIMIT ?2`
    : `SELECT row.id FROM ${run} AS run CROSS JOIN ${rows} AS row ON row.${runColumn} = run.id
       WHERE run.${age.run} < ?1 LIMIT ?2`;
  // A run that was written in between, with its rows, is left to the next time.
  const childless = age.row
    ? ""
    : `AND NOT EXISTS (SELECT 1 FROM ${rows} WHERE ${rows}.${runColumn} = ${run}.id)`;
  const expiredRuns = `SELECT id FROM ${run} WHERE ${age.run} < ?1 ${childless} LIMIT ?2`;

  const fromRows = await deleteInChunks(sql, rows, expiredRows, cutoff, RETENTION_STATEMENTS);
  if (fromRows.more) return { rows: fromRows.deleted, runs: 0, more: true };
  const left = RETENTION_STATEMENTS - fromRows.statements;
  const fromRuns = await deleteInChunks(sql, run, expiredRuns, cutoff, left);
  return { rows: fromRows.deleted, runs: fromRuns.deleted, more: fromRuns.more };
}

async function deleteInChunks(
  sql: SqlStore,
  table: string,
  select: string,
  cutoff: string,
  mostStatements: number,
) {
  let deleted = 0;
  for (let statements = 1; statements <= mostStatements; statements++) {
    const text = `DELETE FROM ${table} WHERE id IN (${select})`;
    const { changes } = await sql.run(text, cutoff, RETENTION_ROWS);
    deleted += changes;
    if (changes < RETENTION_ROWS) return { deleted, statements, more: false };
  }
  return { deleted, statements: mostStatements, more: true };
}
