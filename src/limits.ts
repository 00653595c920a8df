/** Numbers the service holds itself to, each beside the platform limit or the reason that it answers. */

/** Bytes of an upload after decompression. A Worker has 128 MB, and parsing takes several times the text. */
export const MAX_UPLOAD_BYTES = 8 * 1024 * 1024;

/** Bytes of uploads that one isolate works on at once, by default and at most: each is in its 128 MB up to three times, as text, as rows and on its way to the ledger, and the service needs some itself. */
export const UPLOADS_IN_MEMORY_BYTES = 24 * 1024 * 1024;
export const MAX_UPLOADS_IN_MEMORY_BYTES = 32 * 1024 * 1024;

/** For so long an upload is held at the most: half a minute to read it, and two calls of the ledger that wait. */
export const LONGEST_UPLOAD_MS = 80_000;

/** Results or records in one batch. */
export const MAX_ROWS = 50_000;

/** Problems listed in one answer, so that a batch of 50,000 wrong rows gets a readable one. */
export const MAX_LISTED_ERRORS = 50;

/** Of these, how many the sentence of the answer repeats. */
export const FAULTS_IN_DETAIL = 5;

/** Characters of an unknown field's name that are repeated: an upload of one long name must not get a longer answer. */
export const MAX_LISTED_KEY = 100;

/** Characters of a field that names something (a recipe, a repository, a model). */
export const MAX_NAME_LENGTH = 500;

/** Characters kept of an error message; what is beyond is cut, with a mark. */
export const MAX_MESSAGE_LENGTH = 16_000;

/** Bytes of one part of a stored body. A Durable Object value and a D1 parameter hold 2 MB each. */
export const BODY_PART_BYTES = 900_000;

/** Bytes of one JSON parameter. D1 takes 2 MB. */
export const STATEMENT_PARAMETER_BYTES = 1_900_000;

/** Bytes of bodies that the writer holds and commits at once. D1 gives a transaction 30 s. */
export const GROUP_BYTES = 4_000_000;

/** Batches that the writer claims, commits and settles at once, however small: what a shard is told of them is one parameter of 2 MB at most. */
export const GROUP_BATCHES = 500;

/** Transactions that the search for a group's culprits may take in one database. It takes 18 to find one among 500; D1 allows a Worker 1,000 queries. */
export const GROUP_TRANSACTIONS = 100;

/** Tickets in one send. Queues take 100 messages, 256 kB in all and 128 kB in one, and bill by 64 kB; a ticket has at most 380 bytes. */
export const SEND_TICKETS = 100;

/** How long tickets that no caller waits for may gather, so that the writer gets them together. */
export const OUTBOX_MS = 50;

/** Tickets that the outbox holds while sends are slow or fail. What comes beyond is left to the alarm. */
export const OUTBOX_TICKETS = 5_000;

/** How long the outbox waits for a send before it leaves the tickets to the alarm. Sends are known to hang for 57 s. */
export const SEND_TIMEOUT_MS = 5_000;

/** Sends of one shard that may be under way at once, so that one hanging send does not hold up the next. */
export const SENDS_AT_ONCE = 4;

/** First and longest delay before tickets that could not be sent are sent again. */
export const RESEND_FIRST_MS = 1_000;
export const RESEND_LONGEST_MS = 60_000;

/** Tickets that one alarm sends again. More are left to the next alarm, at once. */
export const REDELIVER_TICKETS = 1_000;

/** Size of a shard's database from which it forgets written batches before their time, the oldest first: D1 recognises them. */
export const SHARD_CROWDED_BYTES = 2_000_000_000;

/** Size of a shard's database from which it sheds load: bodies that are not written yet, and every batch it remembers. A Durable Object stores 10 GB. */
export const SHARD_FULL_BYTES = 4_000_000_000;

/** Bytes of bodies that a shard takes between two looks at its size. It may exceed its limit by as much, or several times that where batches are tiny; 6 GB are left. */
export const SIZE_LOOK_BYTES = 16_000_000;

/** Rows of the ledger that one alarm looks at when it forgets written batches. */
export const FORGET_ROWS = 5_000;

/** How long a crowded shard waits that found little to forget: it has read its whole table for that. */
export const FORGET_AGAIN_MS = 15 * 60 * 1000;

/** How often a shard looks for written batches to forget. */
export const FORGET_EVERY_MS = 24 * 60 * 60 * 1000;

/** Longest `Prefer: wait`, in seconds. Most HTTP clients give up after 30. */
export const MAX_WAIT_SECONDS = 25;

/** First and longest delay before a message is delivered again, in seconds. Queues allow 12 hours. With 100 retries, the most that Queues allow, a batch is tried for four to eight hours. */
export const RETRY_FIRST_SECONDS = 2;
export const RETRY_LONGEST_SECONDS = 300;

/** Attempts after which a batch that fails by itself, and not for a trouble of the database's, is dead: with those delays after four to nine minutes. */
export const CULPRIT_ATTEMPTS = 9;

/** Characters kept of the reason a batch could not be written. */
export const MAX_REASON_LENGTH = 1_000;

/** Dead letters in one page of the list, and by default. */
export const MAX_PAGE = 500;
export const DEFAULT_PAGE = 50;

/** Dead letters that one request replays; the answer says how many are left. */
export const REPLAY_AT_ONCE = 1_000;

/** Bytes of the filter of such a request. */
export const MAX_FILTER_BYTES = 10_000;

/** Rows that one retention statement deletes, and runs that it goes through. D1 gives a statement 30 s. */
export const RETENTION_ROWS = 10_000;

/** Statements in one run of retention, which all streams and databases share. D1 allows a Worker 1,000 queries; the audit takes some of them. */
export const RETENTION_STATEMENTS = 600;

/** Calls of a ledger shard: the first and one repetition, where the platform says a repetition helps. */
export const LEDGER_CALLS = 2;

/** Written batches of one shard that one run of the audit compares with D1. */
export const AUDIT_ROWS = 1_000;

/** Queries after which a run of the audit begins no further shard. Each takes one of every database of each stream. */
export const AUDIT_QUERIES = 300;

/** How long a shard counts duplicates and conflicts in memory before it stores their number. An idle object is kept for 10 s. */
export const STORE_COUNTS_MS = 2_000;

/** How long a Worker counts refused uploads before it tells the ledger of them. */
export const REPORT_REJECTED_MS = 10_000;

/** Most databases that can be configured: each is asked for the batches of all the others. */
export const MAX_DATABASES = 32;

/** How far apart the ids of two databases begin, so that no two runs ever share one. All fit into a double. */
export const IDS_OF_A_DATABASE = 1_000_000_000_000;

/** Most shards that can be configured: listing the dead letters asks each of them. */
export const MAX_SHARDS = 256;

/**
 * One wait of a batch for others, so that they are stored in one commit. A commit costs the same
 * for one batch as for many, and the wait is short beside any of them.
 */
export const INTAKE_MS = 1;

/**
 * For how long callers that were answered are waited for with their next batch: one INTAKE_MS
 * after the other, only while they come. Long enough for a few dozen uploads to be read and checked.
 */
export const RETURN_MS = 20;

/** A batch that comes longer than this after the one before it does not wait for others. It is what a timer of INTAKE_MS takes in fact. */
export const COMPANY_MS = 2;
