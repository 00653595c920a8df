/**
 * The address is empty where none was configured. The body is the last column: SQLite reads a row
 * from its beginning, and need not go through what is megabytes long to come to a state.
 */
export const SCHEMA = `
  CREATE TABLE IF NOT EXISTS uploads (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    address TEXT NOT NULL,
    stream TEXT NOT NULL,
    batch_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    source TEXT NOT NULL,
    rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'refused')),
    attempts INTEGER NOT NULL DEFAULT 0,
    last_status INTEGER,
    last_error TEXT,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    claimed_by TEXT,
    claimed_until INTEGER,
    body BLOB NOT NULL,
    UNIQUE (address, stream, batch_id, digest)
  ) STRICT;`;

const COLUMNS = `id, address, stream, batch_id, source, rows, bytes, state, attempts, last_status,
  last_error, created_at, coalesce(claimed_until > unixepoch('subsec') * 1000, 0) AS claimed`;

/** The same upload again for the same address is the same entry; one that was refused gets another chance. */
export const ADD = `
  INSERT INTO uploads
    (address, stream, batch_id, digest, source, rows, bytes, body, claimed_by, claimed_until)
  VALUES
    (:address, :stream, :batch_id, :digest, :source, :rows, :bytes, :body, :claimed_by, :claimed_until)
  ON CONFLICT (address, stream, batch_id, digest) DO UPDATE SET
    state = 'waiting', claimed_by = excluded.claimed_by, claimed_until = excluded.claimed_until
  RETURNING ${COLUMNS}`;

export const LIST = `SELECT ${COLUMNS} FROM uploads ORDER BY id`;
export const LAST = `SELECT ${COLUMNS} FROM uploads ORDER BY id DESC LIMIT 1`;
export const FIND = `SELECT ${COLUMNS} FROM uploads WHERE id = :id`;
export const BODY = `SELECT body FROM uploads WHERE id = :id`;
export const DELETE = `DELETE FROM uploads WHERE id = :id`;

/** What is for the address at hand: its own, what was kept without one, and that of others that are named. */
const MEANT = `address IN (SELECT value FROM json_each(:meant))`;

/**
 * Refusals that a right token or address would undo are tried again: the upload is not at
 * fault. Without a status, or below 400, it was something else that answered, with a page or a
 * redirect.
 */
const TRIED_AGAIN = `(state = 'waiting' OR coalesce(last_status, 0) < 400 OR last_status IN (401, 403, 404, 405))`;

export const COUNT = `
  SELECT count(*) FILTER (WHERE state = 'waiting' AND ${MEANT}) AS waiting,
    count(*) FILTER (WHERE state = 'refused' AND (${MEANT} OR NOT ${TRIED_AGAIN})) AS refused
  FROM uploads`;

export const ELSEWHERE = `
  SELECT address, count(*) AS uploads FROM uploads WHERE NOT ${MEANT} AND ${TRIED_AGAIN}
  GROUP BY address ORDER BY uploads DESC, address`;

/** The other refusals only where they are asked for. None holds up what waits. */
const FREE = `
  FROM uploads
  WHERE (state = 'refused', id) > (:after_refused, :after_id)
    AND ${MEANT} AND (${TRIED_AGAIN} OR :refused)
    AND coalesce(claimed_until, 0) < :now
  ORDER BY state = 'refused', id LIMIT :most`;

export const CLAIM = `
  UPDATE uploads SET claimed_by = :claimed_by, claimed_until = :claimed_until
  WHERE id IN (SELECT id ${FREE})
  RETURNING ${COLUMNS}`;

/** The same, unclaimed. */
export const READ = `SELECT ${COLUMNS} ${FREE}`;

export const RENEW = `UPDATE uploads SET claimed_by = :claimed_by, claimed_until = :claimed_until WHERE id = :id`;

export const CLAIMANTS = `SELECT DISTINCT claimed_by FROM uploads WHERE claimed_by IS NOT NULL`;

export const RELEASE_ALL = `
  UPDATE uploads SET claimed_by = NULL, claimed_until = NULL WHERE claimed_by = :claimed_by`;

/** Without an attempt nothing is known that was not known before. */
export const SETTLE = `
  UPDATE uploads SET
    state = iif(:attempts, :state, state), attempts = attempts + :attempts,
    last_status = iif(:attempts, :last_status, last_status),
    last_error = iif(:attempts, :last_error, coalesce(last_error, :last_error)),
    claimed_by = NULL, claimed_until = NULL
  WHERE id = :id`;
