/**
 * Numbers the client holds itself to, beside their reasons. Those of the service are in
 * src/limits.ts, and those of one file alone are in that file.
 */
import { MAX_UPLOAD_BYTES } from "../src/limits.ts";

/** Bytes of one part's rows: below the service's limit, because the run's own fields come on top. */
export const PART_BYTES = MAX_UPLOAD_BYTES - 64 * 1024;

/** Longest `batch_id` the service takes. */
export const MAX_BATCH_ID_LENGTH = 200;

/** First and longest ceiling of the random delay before another attempt. */
export const RETRY_FIRST_MS = 500;
export const RETRY_LONGEST_MS = 20_000;

/** How long one attempt may take. The service gives an upload half a minute to arrive. */
export const ATTEMPT_TIMEOUT_MS = 40_000;

/** First and longest delay of `--wait` before it asks (again) how a batch stands. */
export const POLL_FIRST_MS = 100;
export const POLL_LONGEST_MS = 2_000;

/** How long a process keeps an upload to itself. Each attempt to send it renews that; a dead process loses it at once. */
export const CLAIM_MS = 120_000;

/** Older uploads of the spool that one `upload` sends besides its own. */
export const OLDER_AT_ONCE = 1_000;

/** How long a statement waits for another process that writes. */
export const BUSY_TIMEOUT_MS = 10_000;

/** After a signal, how long the files still unread may take to reach the spool. CI kills after 7.5 s. */
export const GRACE_MS = 5_000;

/** Characters kept of a reason. */
export const MAX_REASON_LENGTH = 2_000;

/** Characters of a token below which it is a word that any text may have. */
export const SHORTEST_SECRET = 8;

/** Records of telemetry in one upload. */
export const TELEMETRY_CHUNK_ROWS = 5_000;

/** Writes of telemetry between two checkpoints. */
export const CHECKPOINT_WRITES = 1_000;

/** A clock this far from the service's makes times of batches misleading. */
export const CLOCK_TOLERANCE_MS = 30_000;
