/** `chunk_id` names the upload a row goes out with; null until `millrace flush` has chosen one. */
export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS executions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    delivery_id TEXT,
    repo TEXT NOT NULL,
    pr_number INTEGER,
    event_type TEXT NOT NULL,
    provider TEXT NOT NULL DEFAULT 'anthropic',
    model TEXT NOT NULL,
    input_tokens INTEGER NOT NULL DEFAULT 0,
    output_tokens INTEGER NOT NULL DEFAULT 0,
    cache_read_tokens INTEGER NOT NULL DEFAULT 0,
    cache_creation_tokens INTEGER NOT NULL DEFAULT 0,
    duration_ms REAL NOT NULL DEFAULT 0,
    cost_usd REAL NOT NULL DEFAULT 0,
    conclusion TEXT NOT NULL,
    session_id TEXT,
    num_turns INTEGER,
    stop_reason TEXT,
    chunk_id INTEGER
  ) STRICT;
  CREATE INDEX IF NOT EXISTS executions_created_at ON executions (created_at);
  CREATE INDEX IF NOT EXISTS executions_repo ON executions (repo);
  CREATE INDEX IF NOT EXISTS executions_chunk ON executions (chunk_id);
  CREATE TABLE IF NOT EXISTS execution_chunks (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    batch_id TEXT NOT NULL UNIQUE,
    spooled_at TEXT
  ) STRICT;`;

export const INSERT = `
  INSERT INTO executions (
    delivery_id, repo, pr_number, event_type, provider, model, input_tokens, output_tokens,
    cache_read_tokens, cache_creation_tokens, duration_ms, cost_usd, conclusion, session_id,
    num_turns, stop_reason)
  VALUES (
    :delivery_id, :repo, :pr_number, :event_type, :provider, :model, :input_tokens, :output_tokens,
    :cache_read_tokens, :cache_creation_tokens, :duration_ms, :cost_usd, :conclusion, :session_id,
    :num_turns, :stop_reason)`;

/** Rows of a chunk that is not in the spool yet stay: the chunk's content must not change. */
export const PURGE = `
  DELETE FROM executions
  WHERE created_at < strftime('%Y-%m-%dT%H:%M:%fZ', 'now', :age)
    AND (chunk_id IS NULL OR chunk_id IN (
      SELECT id FROM execution_chunks WHERE spooled_at IS NOT NULL))`;

export const CHECKPOINT = `PRAGMA wal_checkpoint(PASSIVE)`;

export const HAS_NEW = `SELECT 1 FROM executions WHERE chunk_id IS NULL LIMIT 1`;
export const NEW_CHUNK = `INSERT INTO execution_chunks (batch_id) VALUES (:batch_id) RETURNING id`;
export const FILL_CHUNK = `
  UPDATE executions SET chunk_id = :id
  WHERE id IN (SELECT id FROM executions WHERE chunk_id IS NULL ORDER BY id LIMIT :most)`;
export const OPEN_CHUNKS = `
  SELECT id, batch_id FROM execution_chunks WHERE spooled_at IS NULL ORDER BY id`;
export const ROWS = `
  SELECT id, delivery_id, repo, pr_number, event_type, provider, model, input_tokens, output_tokens,
    cache_read_tokens, cache_creation_tokens, duration_ms, cost_usd, conclusion, session_id,
    num_turns, stop_reason,
    coalesce(strftime('%Y-%m-%dT%H:%M:%fZ', created_at), created_at) AS created_at
  FROM executions WHERE chunk_id = :id ORDER BY id`;
/** A row that no upload can take is free again, and so is looked at by each flush. */
export const LEAVE_OUT = `UPDATE executions SET chunk_id = NULL WHERE id = :id`;
export const DROP_CHUNK = `DELETE FROM execution_chunks WHERE id = :id`;
export const SPOOLED = `
  UPDATE execution_chunks SET spooled_at = strftime('%Y-%m-%dT%H:%M:%fZ', 'now') WHERE id = :id`;
