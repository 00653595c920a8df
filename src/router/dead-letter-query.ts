import * as v from "valibot";
import type { DeadLetterCursor, DeadLetterFilter } from "../durable/dead-letter-list.ts";
import type { BatchRow } from "../durable/schema.ts";
import { DEFAULT_PAGE, MAX_PAGE, REPLAY_AT_ONCE } from "../limits.ts";
import type { Stream } from "../streams/stream.ts";
import { Instant, invalidFilter, parseFilter } from "./filter.ts";

const filterFields = {
  stream: v.optional(v.string("must be a string")),
  reason: v.optional(v.pipe(v.string("must be a string"), v.nonEmpty("must not be empty"))),
  since: v.optional(Instant),
  before: v.optional(Instant),
};

function limitField(max: number, fallback: number) {
  const message = `must be a whole number from 1 to ${max}`;
  const number = v.pipe(
    v.union([v.number(), v.pipe(v.string(), v.regex(/^\d{1,9}$/), v.transform(Number))], message),
    v.integer(message),
    v.minValue(1, message),
    v.maxValue(max, message),
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
  const query = parseFilter(ListQuery, Object.fromEntries(url.searchParams), streams);
  const { limit, cursor, ...filter } = query;
  return { limit, after: cursor === undefined ? null : cursorOf(cursor), filter };
}

/**
 * Which dead letters are to be replayed, as the body of the request says.
 * @throws Problem `invalid-request` that names each fault.
 */
export function replayOrderOf(
  input: unknown,
  streams: readonly Stream[],
): { limit: number; filter: DeadLetterFilter } {
  const { limit, ...filter } = parseFilter(ReplayOrder, input, streams);
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
  throw invalidFilter([{ path: "cursor", message }]);
}
