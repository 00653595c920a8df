/** The schema of `migrations/batch-metrics`, in PostgreSQL's words. */
export const SCHEMA = `
  CREATE TABLE batch_runs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_id text NOT NULL UNIQUE,
    digest text NOT NULL,
    accepted_at timestamptz NOT NULL DEFAULT now(),
    row_count integer NOT NULL,
    ecosystem text NOT NULL,
    started_at timestamptz NOT NULL,
    completed_at timestamptz,
    total_recipes integer NOT NULL CHECK (total_recipes >= 0),
    passed integer NOT NULL, failed integer NOT NULL, skipped integer NOT NULL,
    success_rate double precision CHECK (success_rate BETWEEN 0 AND 1),
    macos_minutes double precision,
    linux_minutes double precision
  );
  CREATE INDEX batch_runs_started_at ON batch_runs (started_at);
  CREATE TABLE recipe_results (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    batch_run_id bigint NOT NULL REFERENCES batch_runs (id),
    recipe_name text NOT NULL,
    ecosystem text NOT NULL,
    platform text,
    result text NOT NULL CHECK (result IN ('passed', 'failed', 'skipped')),
    error_category text,
    error_message text,
    duration_seconds double precision
  );
  CREATE INDEX recipe_results_batch_run_id ON recipe_results (batch_run_id)`;

/** One statement for a whole batch: $1 batch_id, $2 digest, $3 the run, $4 the rows, as JSON. */
export const INSERT = `
  WITH run AS (
    INSERT INTO batch_runs (batch_id, digest, row_count, ecosystem, started_at, completed_at,
      total_recipes, passed, failed, skipped, success_rate, macos_minutes, linux_minutes)
    SELECT $1, $2, jsonb_array_length($4::jsonb), ecosystem, started_at, completed_at,
      total_recipes, passed, failed, skipped, success_rate, macos_minutes, linux_minutes
    FROM jsonb_to_record($3::jsonb) AS run (ecosystem text, started_at timestamptz,
      completed_at timestamptz, total_recipes integer, passed integer, failed integer,
      skipped integer, success_rate float, macos_minutes float, linux_minutes float)
    ON CONFLICT (batch_id) DO NOTHING
    RETURNING id
  )
  INSERT INTO recipe_results (batch_run_id, recipe_name, ecosystem, platform, result,
    error_category, error_message, duration_seconds)
  SELECT run.id, row.* FROM run CROSS JOIN jsonb_to_recordset($4::jsonb) AS row (
    recipe_name text, ecosystem text, platform text, result text,
    error_category text, error_message text, duration_seconds float)`;
