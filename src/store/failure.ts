/**
 * What a failed write means for what was being written.
 * `permanent`: this content can never be written. `transient`: the database could not take
 * anything just now. `unknown`: it may be either.
 */
export type Failure = "permanent" | "transient" | "unknown";

/** Constraints and limits that the content itself breaks, as D1 and SQLite word them. */
const PERMANENT =
  /SQLITE_CONSTRAINT|SQLITE_MISMATCH|SQLITE_TOOBIG|SQLITE_RANGE|constraint failed|cannot store .* value in|string or blob too big|malformed JSON/i;

/**
 * What D1 says when trying again helps: overload, a reset or moved database, the network, a
 * time-out, a database that is full, and a database, table or column that a deploy is still to bring.
 * See https://developers.cloudflare.com/d1/observability/debug-d1/#error-list
 */
const TRANSIENT =
  /no such table|no such column|has no column named|overloaded|reset|network connection lost|timed? ?out|timeout|storage operation exceeded|SQLITE_BUSY|database is locked|internal error|please retry|connection|not currently available|exceeded its (cpu|memory) limit|maximum (DB size|account storage)|SQLITE_FULL|disk is full|transient issue|disconnected|too many (API |sub)?requests/i;

/** What Millrace itself says of a stream or a database that is not there just now, for whatever reason: no batch's fault. */
const NOT_THERE =
  /^(database \d+ (was to be asked first: |of stream ")|no stream "|no database is bound |stream "[^"]*" cannot be opened: )/;

/** Classifies an error by its text: D1's errors carry no code across the binding. */
export function failureOf(reason: string): Failure {
  if (NOT_THERE.test(reason)) return "transient";
  if (PERMANENT.test(reason)) return "permanent";
  return TRANSIENT.test(reason) ? "transient" : "unknown";
}
