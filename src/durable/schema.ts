import type { SqlValue } from "../sql.ts";

/** The part of a SQLite database that the ledger uses: a Durable Object's, or a file's. */
export interface LedgerSql {
  exec(text: string, ...parameters: SqlValue[]): Record<string, SqlValue>[];
  /** Runs `work` whole or not at all. */
  transaction<Result>(work: () => Result): Result;
  /** Bytes the database takes. */
  size(): number;
}

/**
 * One row a batch, with its body in it, so that accepting writes a row and two entries of
 * indexes, and settling one row. Only a body of over `BODY_PART_BYTES` has further parts.
 *
 * Not WITHOUT ROWID, which would save the entry of the key's index: SQLite reads a whole row of
 * such a table, with its body, for each comparison of keys. See docs/decisions/0015.
 */
const TABLES = `
  CREATE TABLE IF NOT EXISTS batches (
    key TEXT NOT NULL PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('pending', 'written', 'dead')),
    digest TEXT NOT NULL,
    row_count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    dated_at INTEGER NOT NULL,
    database INTEGER NOT NULL DEFAULT 0,
    due_at INTEGER,
    settled_at INTEGER,
    batch_run_id INTEGER,
    written_digest TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    replays INTEGER NOT NULL DEFAULT 0,
    replayed_at INTEGER,
    run TEXT,
    part TEXT
  );
  CREATE INDEX IF NOT EXISTS batches_due ON batches (due_at) WHERE state = 'pending';
  CREATE INDEX IF NOT EXISTS batches_dead ON batches (settled_at, key) WHERE state = 'dead';
  CREATE TABLE IF NOT EXISTS body_parts (
    key TEXT NOT NULL,
    number INTEGER NOT NULL,
    part TEXT NOT NULL,
    PRIMARY KEY (key, number)
  );
  CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value) WITHOUT ROWID`;

/** Makes the tables where they are not. Safe to repeat. */
export function createTables(sql: LedgerSql): void {
  for (const text of TABLES.split(";")) sql.exec(text);
}

/** SQL for whether a column begins with that text and a slash. Not LIKE, whose pattern the platform allows 50 bytes. */
export function isUnder(column: string, prefix: string): string {
  // 0 comes after the slash.
  return `${column} > ${prefix} || '/' AND ${column} < ${prefix} || '0'`;
}

/** The states of a batch: `pending → written`, `pending → dead → pending → …`. */
type State = "pending" | "written" | "dead";

/** How a batch stands, as its client is told. */
export interface Standing {
  state: State;
  batch_run_id: number | null;
  row_count: number;
  /** Why the last attempt failed. */
  reason: string | null;
}

/** A batch that was just written, or just died. */
export interface Settled extends Standing {
  key: string;
  /** The digest that the stream's tables have under this `batch_id`, where that is another. */
  written_digest: string | null;
}

/** A row of `batches`, without its body. Times are in milliseconds since 1970. */
export interface BatchRow extends Settled {
  digest: string;
  bytes: number;
  accepted_at: number;
  /** From when D1's retention counts its age: once that is past, its run may be gone. */
  dated_at: number;
  /** The number of the database that it goes to. */
  database: number;
  /** When the ticket is sent again; null unless pending. */
  due_at: number | null;
  /** When it was written or died; null while pending. */
  settled_at: number | null;
  attempts: number;
  replays: number;
  replayed_at: number | null;
}

/** The columns of `BatchRow`: a body is read only where it is wanted. */
export const ROW = `key, state, digest, row_count, bytes, accepted_at, dated_at, database, due_at, settled_at,
  batch_run_id, written_digest, attempts, reason, replays, replayed_at`;

/** The columns of `Settled`. */
export const SETTLED = "key, state, batch_run_id, row_count, reason, written_digest";

/** Why a batch is dead that the stream's tables have with other content. Ledgers have stored it: never reword it. */
export const CONFLICT = "conflict: this batch_id is written with different content";

/** Whether a batch is dead because its `batch_id` is written with other content. */
export function isConflict({ state, reason }: Settled): boolean {
  return state === "dead" && reason === CONFLICT;
}

/** Reads a row of `batches`; the columns were selected with `ROW`. */
export function batchRowOf(row: Record<string, SqlValue>): BatchRow {
  return {
    ...settledOf(row),
    digest: String(row["digest"]),
    bytes: Number(row["bytes"]),
    accepted_at: Number(row["accepted_at"]),
    dated_at: Number(row["dated_at"]),
    database: Number(row["database"]),
    due_at: numberOrNull(row["due_at"]),
    settled_at: numberOrNull(row["settled_at"]),
    attempts: Number(row["attempts"]),
    replays: Number(row["replays"]),
    replayed_at: numberOrNull(row["replayed_at"]),
  };
}

/** Reads a row of `batches`; the columns were selected with `SETTLED`. */
export function settledOf(row: Record<string, SqlValue>): Settled {
  return {
    key: String(row["key"]),
    state: stateOf(row["state"]),
    batch_run_id: numberOrNull(row["batch_run_id"]),
    row_count: Number(row["row_count"]),
    reason: textOrNull(row["reason"]),
    written_digest: textOrNull(row["written_digest"]),
  };
}

function numberOrNull(value: SqlValue | undefined): number | null {
  return (value ?? null) === null ? null : Number(value);
}

function textOrNull(value: SqlValue | undefined): string | null {
  return typeof value === "string" ? value : null;
}

function stateOf(value: SqlValue | undefined): State {
  if (value === "pending" || value === "written" || value === "dead") return value;
  throw new Error(`the ledger has a batch in state ${String(value)}`);
}
