import { batchRowOf, type BatchRow, isUnder, type LedgerSql, ROW } from "./schema.ts";

/** Which dead letters. Times are in milliseconds since 1970. */
export interface DeadLetterFilter {
  stream?: string | undefined;
  /** Text that the reason contains, in any case. */
  reason?: string | undefined;
  /** Died at this moment or later. */
  since?: number | undefined;
  /** Died before this moment. */
  before?: number | undefined;
}

/** A place in the list, newest first: what comes after it is older, or has a smaller key. */
export interface DeadLetterCursor {
  settled_at: number;
  key: string;
}

const MATCHING = `
  FROM batches
  WHERE state = 'dead'
    AND (?1 ->> 'stream' IS NULL OR ${isUnder("key", "(?1 ->> 'stream')")})
    AND (?1 ->> 'reason' IS NULL OR instr(lower(reason), lower(?1 ->> 'reason')) > 0)
    AND settled_at >= coalesce(?1 ->> 'since', 0)
    AND settled_at < coalesce(?1 ->> 'before', 9e15)`;

const LIST = `
  SELECT ${ROW} ${MATCHING} AND (settled_at, key) < (?2, ?3)
  ORDER BY settled_at DESC, key DESC LIMIT ?4`;

const COUNT = `SELECT count(*) AS dead ${MATCHING}`;

const START: DeadLetterCursor = { settled_at: Number.MAX_SAFE_INTEGER, key: "" };

/** A shard's dead letters, newest first. */
export function listDeadLetters(
  sql: LedgerSql,
  filter: DeadLetterFilter,
  after: DeadLetterCursor = START,
  limit: number,
): BatchRow[] {
  const rows = sql.exec(LIST, JSON.stringify(filter), after.settled_at, after.key, limit);
  return rows.map(batchRowOf);
}

/** How many dead letters of a shard the filter has. */
export function countDeadLetters(sql: LedgerSql, filter: DeadLetterFilter): number {
  return Number(sql.exec(COUNT, JSON.stringify(filter))[0]?.["dead"]);
}
