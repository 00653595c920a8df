import * as v from "valibot";
import type { DeadLetterCursor, DeadLetterFilter } from "../durable/dead-letter-list.ts";
import { batchOf } from "../durable/batch-key.ts";
import type { BatchRow } from "../durable/schema.ts";
import { allShards, callShard, shardsFor } from "../durable/shards.ts";
import { DEFAULT_PAGE, MAX_PAGE, REPLAY_AT_ONCE } from "../limits.ts";
import { log } from "../log.ts";
import { Problem } from "../problem.ts";
import { keyOf } from "../queue/ticket.ts";
import { decodeBody, uploadOf } from "../streams/body.ts";
import { Moment } from "../streams/fields.ts";
import { streamNamed } from "../streams/index.ts";
import type { Stream } from "../streams/stream.ts";
import { readUpload } from "./read-upload.ts";
import { type Context, json, param } from "./route.ts";

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

const ListQuery = v.strictObject({
  ...filterFields,
  limit: limitField(MAX_PAGE, DEFAULT_PAGE),
  cursor: v.optional(v.string()),
});

const ReplayOrder = v.strictObject({
  ...filterFields,
  limit: limitField(REPLAY_AT_ONCE, REPLAY_AT_ONCE),
});

/** GET /dead-letters: of all shards, newest first, a page at a time, with the count of all. */
export async function listDeadLetters(
  request: Request,
  { env, streams }: Context,
): Promise<Response> {
  const query = Object.fromEntries(new URL(request.url).searchParams);
  const { limit, cursor, ...filter } = parse(ListQuery, query);
  checkStream(filter.stream, streams);
  const after = cursor === undefined ? null : cursorOf(cursor);

  const shards = await allShards(env);
  // One more than the page from each shard tells whether there is a next page.
  const pages = await Promise.all(
    shards.map((shard) =>
      callShard(env, shard, async (ledger) => ({
        rows: await ledger.deadLetters(filter, after, limit + 1),
        total: await ledger.countDeadLetters(filter),
      })),
    ),
  );
  const rows = pages.flatMap((page) => page.rows).toSorted(newestFirst);
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  return json({
    dead_letters: page.map(summaryOf),
    total: pages.reduce((sum, { total }) => sum + total, 0),
    next_cursor: rows.length > limit && last ? cursorText(last) : null,
  });
}

/** GET one dead letter, with the batch as it could be posted. */
export async function readDeadLetter(_request: Request, context: Context): Promise<Response> {
  const { stream, key } = named(context);
  for (const shard of await shardsFor(context.env, key)) {
    const found = await callShard(context.env, shard, async (ledger) => ledger.deadLetter(key));
    if (!found) continue;
    const batch = decodeBody(batchOf(key).batch_id, found.body);
    return json({ ...summaryOf(found.row), batch: uploadOf(stream, batch) });
  }
  throw notDead(key);
}

/** POST …/replay: brings one dead batch back, under its own `batch_id`. */
export async function replayDeadLetter(_request: Request, context: Context): Promise<Response> {
  const { key } = named(context);
  for (const shard of await shardsFor(context.env, key)) {
    if (await callShard(context.env, shard, async (ledger) => ledger.replay(key))) {
      log("dead-letter.replayed", { ...batchOf(key), shard, token: context.caller?.name });
      return json({ ...batchOf(key), status: "pending" }, 202);
    }
  }
  throw notDead(key);
}

/** POST /dead-letters/replay: brings back all, or those of the filter in the body. */
export async function replayDeadLetters(
  request: Request,
  { env, streams, caller }: Context,
): Promise<Response> {
  const text = await readUpload(request, 10_000);
  const { limit, ...wanted } = parse(ReplayOrder, text.trim() === "" ? {} : jsonOf(text));
  checkStream(wanted.stream, streams);
  // What dies again from here on is not replayed a second time by this request.
  const filter = { ...wanted, before: Math.min(wanted.before ?? Infinity, Date.now() + 1) };

  let replayed = 0;
  let left = 0;
  for (const shard of await allShards(env)) {
    if (replayed < limit) {
      const room = limit - replayed;
      replayed += await callShard(env, shard, async (ledger) => ledger.replayAll(filter, room));
    }
    left += await callShard(env, shard, async (ledger) => ledger.countDeadLetters(filter));
  }
  log("dead-letters.replayed", { replayed, left, token: caller?.name });
  return json({ replayed, left }, 202);
}

/** DELETE one dead letter: its body is gone, and its `batch_id` is free again. */
export async function dropDeadLetter(_request: Request, context: Context): Promise<Response> {
  const { key } = named(context);
  for (const shard of await shardsFor(context.env, key)) {
    if (await callShard(context.env, shard, async (ledger) => ledger.drop(key))) {
      log("dead-letter.dropped", { ...batchOf(key), shard, token: context.caller?.name });
      return new Response(null, { status: 204 });
    }
  }
  throw notDead(key);
}

function named(context: Context) {
  const name = param(context, "stream");
  const stream = streamNamed(context.streams, name);
  if (!stream) throw new Problem("not-found", `There is no stream ${JSON.stringify(name)}.`);
  return { stream, key: keyOf({ stream: name, batch_id: param(context, "batch_id") }) };
}

function checkStream(name: string | undefined, streams: readonly Stream[]): void {
  if (name === undefined || streamNamed(streams, name)) return;
  const known = streams.map((stream) => stream.name).join(", ");
  throw new Problem("invalid-request", `stream must be one of ${known}.`);
}

function notDead(key: string): Problem {
  return new Problem("not-found", `${key} is not among the dead letters.`);
}

function summaryOf(row: BatchRow): object {
  const { batch_id, stream } = batchOf(row.key);
  return {
    stream,
    batch_id,
    reason: row.reason,
    attempts: row.attempts,
    rows: row.row_count,
    bytes: row.bytes,
    accepted_at: new Date(row.accepted_at).toISOString(),
    died_at: new Date(row.settled_at ?? 0).toISOString(),
    replays: row.replays,
    replayed_at: row.replayed_at === null ? null : new Date(row.replayed_at).toISOString(),
  };
}

function newestFirst(a: BatchRow, b: BatchRow): number {
  const newer = (b.settled_at ?? 0) - (a.settled_at ?? 0);
  return newer === 0 ? Number(b.key > a.key) - Number(b.key < a.key) : newer;
}

const Cursor = v.pipe(
  v.string(),
  v.transform((text) => text.replaceAll("-", "+").replaceAll("_", "/")),
  v.base64(),
  v.transform((text) => atob(text)),
  v.parseJson(),
  v.object({ settled_at: v.number(), key: v.string() }),
);

function cursorText(row: BatchRow): string {
  const cursor = { settled_at: row.settled_at, key: row.key };
  return btoa(JSON.stringify(cursor)).replaceAll("+", "-").replaceAll("/", "_");
}

function cursorOf(text: string): DeadLetterCursor {
  const result = v.safeParse(Cursor, text);
  if (result.success) return result.output;
  throw new Problem("invalid-request", "cursor must be a next_cursor of an earlier page.");
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Problem("invalid-request", "invalid JSON: the filter must be a JSON object.");
  }
}

type Schema<Output> = v.GenericSchema<unknown, Output>;

function parse<Output extends DeadLetterFilter>(schema: Schema<Output>, input: unknown): Output {
  // valibot takes an array for an object without fields: a filter that asks for everything.
  const result = v.safeParse(schema, Array.isArray(input) ? null : input);
  if (result.success) return result.output;
  const errors = result.issues.map((issue) => {
    const path = v.getDotPath(issue) ?? "";
    const message = issue.expected === "never" ? "is not a known filter" : issue.message;
    return { path, message: `${path || "the filter"} ${message}` };
  });
  throw new Problem("invalid-request", errors.map((error) => error.message).join("; "), { errors });
}
