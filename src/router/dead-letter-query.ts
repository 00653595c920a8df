import * as v from "valibot";
import type { DeadLetterCursor, DeadLetterFilter } from "../durable/dead-letter-list.ts";
import type { BatchRow } from "../durable/schema.ts";
import { DEFAULT_PAGE, MAX_PAGE, REPLAY_AT_ONCE } from "../limits.ts";
import { type Fault, Problem } from "../problem.ts";
import { Moment } from "../streams/fields.ts";
import { streamNamed } from "../streams/index.ts";
import type { Stream } from "../streams/stream.ts";

/** A moment of a filter, as milliseconds since 1970. */
const Instant = v.pipe(
  Moment,
  v.transform((text) => Date.parse(text)),
);

const filterFields = {
  stream: v.optional(v.string("must be a string")),
  reason: v.optional(v.pipe(v.string("must be a string"), v.nonEmpty("must not be empty"))),
  since: v.optional(Instant),
  before: v.optional(Instant),
};

function limitField(most: number, fallback: number) {
  const message = `must be a whole number from 1 to ${most}`;
  const number = v.pipe(
    v.union([v.number(), v.pipe(v.string(), v.regex(/^\d{1,9}$/), v.transform(Number))], message),
    v.integer(message),
    v.minValue(1, message),
    v.maxValue(most, message),
  );
  return v.optional(number, fallback);
}

/** The query of a list of dead letters. */
export const ListQuery = v.strictObject({
  ...filterFields,
  limit: limitField(MAX_PAGE, DEFAULT_PAGE),
  cursor: v.optional(v.string()),
});

/** The body of a replay of many. */
export const ReplayOrder = v.strictObject({
  ...filterFields,
  limit: limitField(REPLAY_AT_ONCE, REPLAY_AT_ONCE),
});

/**
 * What a list of dead letters is asked for, in the query of its URL.
 * @throws Problem `invalid-request` that names each fault.
 */
export function listQueryOf(
  url: URL,
  streams: readonly Stream[],
): { limit: number; after: DeadLetterCursor | null; filter: DeadLetterFilter } {
  const query = parse(ListQuery, Object.fromEntries(url.searchParams), streams);
  const { limit, cursor, ...filter } = query;
  return { limit, after: cursor === undefined ? null : cursorOf(cursor), filter };
}

/**
 * Which dead letters are to be replayed, in the body of the request: without one, all.
 * @throws Problem `invalid-request` that names each fault.
 */
export function replayOrderOf(
  text: string,
  streams: readonly Stream[],
): { limit: number; filter: DeadLetterFilter } {
  const { limit, ...filter } = parse(ReplayOrder, text.trim() === "" ? {} : jsonOf(text), streams);
  return { limit, filter };
}

const Cursor = v.pipe(
  v.string(),
  v.transform((text) => text.replaceAll("-", "+").replaceAll("_", "/")),
  v.base64(),
  v.transform((text) => atob(text)),
  v.parseJson(),
  v.object({ settled_at: v.number(), key: v.string() }),
);

/** Where the next page goes on: after this row. */
export function cursorText(row: BatchRow): string {
  const cursor = { settled_at: row.settled_at, key: row.key };
  return btoa(JSON.stringify(cursor)).replaceAll("+", "-").replaceAll("/", "_");
}

function cursorOf(text: string): DeadLetterCursor {
  const result = v.safeParse(Cursor, text);
  if (result.success) return result.output;
  const message = "cursor must be a next_cursor of an earlier page";
  throw invalid([{ path: "cursor", message }]);
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid([{ path: "", message: "invalid JSON: the filter must be a JSON object" }]);
  }
}

type Schema<Output> = v.GenericSchema<unknown, Output>;

function parse<Output extends DeadLetterFilter>(
  schema: Schema<Output>,
  input: unknown,
  streams: readonly Stream[],
): Output {
  // valibot takes an array for an object without fields: a filter that asks for everything.
  const result = v.safeParse(schema, Array.isArray(input) ? null : input);
  if (result.success) {
    checkStream(result.output.stream, streams);
    return result.output;
  }
  const errors = result.issues.map((issue) => {
    const path = v.getDotPath(issue) ?? "";
    return { path, message: `${path || "the filter"} ${messageOf(issue)}` };
  });
  throw invalid(errors);
}

function messageOf(issue: v.BaseIssue<unknown>): string {
  if (issue.type !== "strict_object") return issue.message;
  return issue.expected === "never" ? "is not a known filter" : "must be a JSON object";
}

function invalid(errors: Fault[]): Problem {
  return new Problem("invalid-request", errors.map((error) => error.message).join("; "), {
    errors,
  });
}

function checkStream(name: string | undefined, streams: readonly Stream[]): void {
  if (name === undefined || streamNamed(streams, name)) return;
  const known = streams.map((stream) => stream.name).join(", ");
  throw invalid([{ path: "stream", message: `stream must be one of ${known}` }]);
}
