import { ROW, SETTLED } from "./schema.ts";

/*
 * The ledger's SQL. Each statement takes its batches as one JSON parameter and guards its own
 * state move, so that repeating it changes nothing.
 *
 * What comes late must not undo a replay, so what kills or blames a batch names the replays that its
 * attempt knew of. Nor may it touch a batch that was dropped or forgotten and posted again, so it
 * names when its batch was accepted.
 */

const SAME_BATCH = `batches.key = report.value ->> 'key' AND digest = report.value ->> 'digest'
    AND accepted_at = report.value ->> 'accepted_at'`;

const SAME_ATTEMPT = `${SAME_BATCH} AND state = 'pending'
    AND replays = report.value ->> 'replays'`;

export const FIND = `SELECT ${ROW} FROM batches WHERE key = ?`;

export const INSERT = `
  INSERT INTO batches (key, state, digest, row_count, bytes, accepted_at, dated_at, database, due_at, run, part)
  VALUES (?, 'pending', ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (key) DO NOTHING RETURNING key`;

export const CLAIM = `
  SELECT ${ROW}, run, part FROM batches WHERE key IN (SELECT value FROM json_each(?1))`;

export const SETTLE = `
  UPDATE batches SET state = 'written', batch_run_id = report.value ->> 'batch_run_id',
    dated_at = coalesce(report.value ->> 'dated_at', dated_at), settled_at = ?2, due_at = NULL,
    reason = NULL, written_digest = NULL, run = NULL, part = NULL
  FROM json_each(?1) AS report
  WHERE ${SAME_BATCH} AND state <> 'written'
  RETURNING ${SETTLED}`;

export const KILL = `
  UPDATE batches SET state = 'dead', settled_at = ?2, due_at = NULL, attempts = attempts + 1,
    reason = report.value ->> 'reason', batch_run_id = report.value ->> 'batch_run_id',
    written_digest = report.value ->> 'written_digest'
  FROM json_each(?1) AS report
  WHERE ${SAME_ATTEMPT}
  RETURNING ${SETTLED}`;

/** Due again later: its ticket is still in the queue, and more of them would add up while a database is away. */
export const FAIL = `
  UPDATE batches SET attempts = attempts + 1, reason = report.value ->> 'reason', due_at = ?2
  FROM json_each(?1) AS report
  WHERE ${SAME_ATTEMPT}`;

export const BURY = `
  UPDATE batches SET state = 'dead', settled_at = ?2, due_at = NULL,
    reason = coalesce(reason, 'the queue gave up before any attempt reached the ledger')
  FROM json_each(?1) AS burial
  WHERE batches.key = burial.value ->> 'key' AND replays = burial.value ->> 'replays'
    AND accepted_at = burial.value ->> 'accepted_at' AND state = 'pending'
  RETURNING ${SETTLED}`;

export const REPLAY = `
  UPDATE batches SET state = 'pending', settled_at = NULL, due_at = ?2 + ?3, attempts = 0,
    reason = NULL, replays = replays + 1, replayed_at = ?2
  WHERE state = 'dead' AND key IN (SELECT value FROM json_each(?1))
  RETURNING ${ROW}`;

export const REDELIVER = `
  UPDATE batches SET due_at = ?1 + ?2
  WHERE state = 'pending'
    AND key IN (SELECT key FROM batches WHERE state = 'pending' AND due_at <= ?1 ORDER BY due_at LIMIT ?3)
  RETURNING ${ROW}`;

export const RESCHEDULE = `
  UPDATE batches SET due_at = ?2
  WHERE state = 'pending' AND key IN (SELECT value FROM json_each(?1))`;

export const NEXT_DUE = `SELECT min(due_at) AS due_at FROM batches WHERE state = 'pending'`;
