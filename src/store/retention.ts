import { retentionDays } from "../config.ts";
import { RETENTION_ROWS, RETENTION_STATEMENTS } from "../limits.ts";
import { log, logError, reasonOf } from "../log.ts";
import type { SqlStore } from "../sql.ts";
import type { Stream } from "../streams/stream.ts";
import { openStream } from "./index.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** A stream's tables in one of its databases, and what is to go. */
interface Place {
  stream: Stream;
  sql: SqlStore;
  /** The database's number. */
  database: number;
  /** ISO 8601 in UTC; what is older goes. */
  cutoff: string;
}

/** What a run of retention may still take. */
interface Budget {
  statements: number;
}

/**
 * Deletes what is past each stream's retention, in all databases at once, so that none waits for a
 * slow one. All take from the statements of the run in turns: who needs few leaves them to the others.
 * A database that fails, or a stream that cannot be opened, does not stop the others. Throws nothing.
 */
export async function retain(streams: readonly Stream[], env: Env, now: number): Promise<void> {
  const places = streams.flatMap((stream) => placesOf(stream, env, now));
  const budget = { statements: RETENTION_STATEMENTS };
  await Promise.all(places.map((place) => retainIn(place, budget)));
}

function placesOf(stream: Stream, env: Env, now: number): Place[] {
  if (!stream.tables) return [];
  try {
    const days = retentionDays(env, stream.name, stream.retentionDays);
    const cutoff = new Date(now - days * DAY_MS).toISOString();
    const { databases } = openStream(stream, env);
    return databases.map((sql, database) => ({ stream, sql, database, cutoff }));
  } catch (error) {
    logError("retention.failed", { stream: stream.name, reason: reasonOf(error) });
    return [];
  }
}

async function retainIn({ stream, sql, database, cutoff }: Place, budget: Budget) {
  const started = Date.now();
  const where = { stream: stream.name, database };
  try {
    const deleted = await deleteExpired(sql, stream, cutoff, budget);
    log("retention.deleted", { ...where, cutoff, ...deleted, duration_ms: Date.now() - started });
  } catch (error) {
    logError("retention.failed", { ...where, reason: reasonOf(error) });
  }
}

/** What one run of retention did. */
export interface Deleted {
  rows: number;
  runs: number;
  /** There is more than one run of retention may delete; the next goes on. */
  more: boolean;
}

/**
 * Deletes what is older than the cutoff, the rows of the oldest runs before these runs, a bounded
 * number at a time. Safe to repeat and to break off: what is left is found again by its age.
 * @param cutoff ISO 8601 in UTC; what is older goes.
 * @param budget loses the statements that it takes.
 */
export async function deleteExpired(
  sql: SqlStore,
  stream: Stream,
  cutoff: string,
  budget: Budget = { statements: RETENTION_STATEMENTS },
): Promise<Deleted> {
  const { tables } = stream;
  if (!tables) return { rows: 0, runs: 0, more: false };
  const { run, rows, runColumn, age } = tables;

  // The oldest runs, so that no statement goes through more of them, however many have expired.
  const oldest = `SELECT id FROM ${run} WHERE ${age.run} < ?1 ORDER BY ${age.run} LIMIT ?2`;
  const expiredRows = age.row
    ? `SELECT id FROM ${rows} WHERE ${age.row} < ?1 LIMIT ?2`
    : `SELECT row.id FROM (${oldest}) AS run CROSS JOIN ${rows} AS row ON row.${runColumn} = run.id LIMIT ?2`;
  // A run that was written in between, with its rows, is left to the next time.
  const childless = age.row
    ? ""
    : `WHERE NOT EXISTS (SELECT 1 FROM ${rows} AS row WHERE row.${runColumn} = run.id)`;
  const expiredRuns = `SELECT id FROM (${oldest}) AS run ${childless}`;

  const statements = {
    rows: `DELETE FROM ${rows} WHERE id IN (${expiredRows})`,
    runs: `DELETE FROM ${run} WHERE id IN (${expiredRuns})`,
  };
  const deleted = { rows: 0, runs: 0 };
  // When the oldest runs have no rows any more it is their turn, and then that of the next ones' rows.
  let turn: keyof typeof statements = "rows";
  while (budget.statements > 0) {
    budget.statements -= 1;
    const { changes } = await sql.run(statements[turn], cutoff, RETENTION_ROWS);
    deleted[turn] += changes;
    if (turn === "runs" && changes === 0) return { ...deleted, more: false };
    turn = turn === "rows" && changes < RETENTION_ROWS ? "runs" : "rows";
  }
  return { ...deleted, more: true };
}
