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
 * One row a batch, WITHOUT ROWID: a text key in a rowid table costs two written rows. The
 * body lies in the row, so that accepting writes one row and an entry of `batches_due`, and
 * settling one. Only a body of over `BODY_PART_BYTES` has further parts.
 */
const TABLES = `
  CREATE TABLE IF NOT EXISTS batches (
    key TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('pending', 'written', 'dead')),
    digest TEXT NOT NULL,
    row_count INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    accepted_at INTEGER NOT NULL,
    dated_at INTEGER NOT NULL,
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
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS batches_due ON batches (due_at) WHERE state = 'pending';
  CREATE INDEX IF NOT EXISTS batches_dead ON batches (settled_at) WHERE state = 'dead';
  CREATE TABLE IF NOT EXISTS body_parts (
    key TEXT NOT NULL,
    number INTEGER NOT NULL,
    part TEXT NOT NULL,
    PRIMARY KEY (key, number)
  ) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS notes (name TEXT PRIMARY KEY, value) WITHOUT ROWID`;

/** Makes the tables where they are not. Safe to repeat. */
export function createTables(sql: LedgerSql): void {
  for (const text of TABLES.split(";")) sql.exec(text);
}

/** The states of a batch: `pending → written`, `pending → dead → pending → …`. */
export type State = "pending" | "written" | "dead";

/** A row of `batches`, without its body. Times are in milliseconds since 1970. */
export interface BatchRow {
  key: string;
  state: State;
  digest: string;
  row_count: number;
  bytes: number;
  accepted_at: number;
  /** The moment by which D1's retention goes: after that its run may be gone. */
  dated_at: number;
  /** When the ticket is sent again; null unless pending. */
  due_at: number | null;
  /** When it was written or died; null while pending. */
  settled_at: number | null;
  batch_run_id: number | null;
  /** The digest that D1 has under this `batch_id`, where that is another. */
  written_digest: string | null;
  attempts: number;
  /** Why the last attempt failed. */
  reason: string | null;
  replays: number;
  replayed_at: number | null;
}

/** The columns of `BatchRow`: a body is read only where it is wanted. */
export const ROW = `key, state, digest, row_count, bytes, accepted_at, dated_at, due_at, settled_at,
  batch_run_id, written_digest, attempts, reason, replays, replayed_at`;

/** Reads a row of `batches`; the columns were selected with `ROW`. */
export function batchRowOf(row: Record<string, SqlValue>): BatchRow {
  const number = (name: string) => Number(row[name]);
  const numberOrNull = (name: string) => ((row[name] ?? null) === null ? null : Number(row[name]));
  const textOrNull = (name: string) => (typeof row[name] === "string" ? row[name] : null);
  return {
    key: String(row["key"]),
    state: stateOf(row["state"]),
    digest: String(row["digest"]),
    row_count: number("row_count"),
    bytes: number("bytes"),
    accepted_at: number("accepted_at"),
    dated_at: number("dated_at"),
    due_at: numberOrNull("due_at"),
    settled_at: numberOrNull("settled_at"),
    batch_run_id: numberOrNull("batch_run_id"),
    written_digest: textOrNull("written_digest"),
    attempts: number("attempts"),
    reason: textOrNull("reason"),
    replays: number("replays"),
    replayed_at: numberOrNull("replayed_at"),
  };
}

function stateOf(value: SqlValue | undefined): State {
  if (value === "pending" || value === "written" || value === "dead") return value;
  throw new Error(`the ledger has a batch in state ${String(value)}`);
}
