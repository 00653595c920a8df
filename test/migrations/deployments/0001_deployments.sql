CREATE TABLE deployments (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  batch_id TEXT NOT NULL UNIQUE,
  digest TEXT NOT NULL,
  write_id TEXT NOT NULL,
  accepted_at TEXT NOT NULL,
  row_count INTEGER NOT NULL,
  service TEXT NOT NULL
) STRICT;

CREATE TABLE deployment_steps (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  deployment_id INTEGER NOT NULL REFERENCES deployments (id),
  step TEXT NOT NULL
) STRICT;

CREATE INDEX deployment_steps_deployment_id ON deployment_steps (deployment_id);
