-- A CI run. digest, write_id, accepted_at and row_count are Millrace's own: which content this
-- is, which attempt wrote it, when it was accepted, and how many results came with it.
CREATE TABLE batch_runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  batch_id TEXT NOT NULL UNIQUE,
  ecosystem TEXT NOT NULL,
  started_at TEXT NOT NULL,
  completed_at TEXT,
  total_recipes INTEGER NOT NULL CHECK (total_recipes >= 0),
  passed INTEGER NOT NULL CHECK (passed >= 0),
  failed INTEGER NOT NULL CHECK (failed >= 0),
  skipped INTEGER NOT NULL CHECK (skipped >= 0),
  success_rate REAL CHECK (success_rate BETWEEN 0 AND 1),
  macos_minutes REAL,
  linux_minutes REAL,
  digest TEXT NOT NULL,
  write_id TEXT NOT NULL,
  accepted_at TEXT NOT NULL,
  row_count INTEGER NOT NULL
) STRICT;

-- Retention and reports by time.
CREATE INDEX batch_runs_started_at ON batch_runs (started_at);

-- How each recipe of a run fared. The check is no IN (…), for whose list SQLite would build a
-- table anew for every row.
CREATE TABLE recipe_results (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  batch_run_id INTEGER NOT NULL REFERENCES batch_runs (id),
  recipe_name TEXT NOT NULL,
  ecosystem TEXT NOT NULL,
  platform TEXT,
  result TEXT NOT NULL CHECK (result = 'passed' OR result = 'failed' OR result = 'skipped'),
  error_category TEXT,
  error_message TEXT,
  duration_seconds REAL
) STRICT;

-- The results of a run, and the foreign key when runs are deleted. Every further index would
-- cost one more written row per result, for ever.
CREATE INDEX recipe_results_batch_run_id ON recipe_results (batch_run_id);
