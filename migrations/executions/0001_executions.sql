-- An upload of execution records: what makes an upload happen once.
CREATE TABLE execution_uploads (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  batch_id TEXT NOT NULL UNIQUE,
  digest TEXT NOT NULL,
  write_id TEXT NOT NULL,
  accepted_at TEXT NOT NULL,
  row_count INTEGER NOT NULL
) STRICT;

CREATE INDEX execution_uploads_accepted_at ON execution_uploads (accepted_at);

-- An automated review. upload_id is no foreign key: records are deleted by their own age, and
-- an index on it, which the key would need, would cost one more written row per record.
CREATE TABLE executions (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  upload_id INTEGER NOT NULL,
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
  created_at TEXT NOT NULL
) STRICT;

CREATE INDEX executions_created_at ON executions (created_at);
CREATE INDEX executions_repo ON executions (repo);
