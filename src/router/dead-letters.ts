import type { BatchRow } from "../durable/schema.ts";
import { allShards, callShard, callShardOnce, shardsFor } from "../durable/shards.ts";
import { log } from "../log.ts";
import { Problem } from "../problem.ts";
import { batchOf, keyOf } from "../queue/ticket.ts";
import { decodeBody, uploadOf } from "../streams/body.ts";
import { streamNamed } from "../streams/index.ts";
import { cursorText, listQueryOf, replayOrderOf } from "./dead-letter-query.ts";
import { readFilter } from "./filter.ts";
import { type Context, json, param } from "./route.ts";

/** GET /dead-letters: of all shards, newest first, a page at a time, with the count of all. */
export async function listDeadLetters(
  request: Request,
  { env, streams }: Context,
): Promise<Response> {
  const { limit, after, filter } = listQueryOf(new URL(request.url), streams);

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
    const found = await callShard(context.env, shard, (ledger) => ledger.deadLetter(key));
    if (!found) continue;
    const batch = decodeBody(stream, batchOf(key).batch_id, found.body);
    return json({ ...summaryOf(found.row), batch: uploadOf(stream, batch) });
  }
  throw notDead(key);
}

/** POST …/replay: brings one dead batch back, under its own `batch_id`. */
export async function replayDeadLetter(_request: Request, context: Context): Promise<Response> {
  const { key } = named(context);
  for (const shard of await shardsFor(context.env, key)) {
    if (await callShardOnce(context.env, shard, (ledger) => ledger.replay(key))) {
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
  const { limit, filter: wanted } = replayOrderOf(await readFilter(request), streams);
  // What dies again from here on is not replayed a second time by this request.
  const filter = { ...wanted, before: Math.min(wanted.before ?? Infinity, Date.now() + 1) };

  let replayed = 0;
  let left = 0;
  try {
    for (const shard of await allShards(env)) {
      if (replayed < limit) {
        const room = limit - replayed;
        replayed += await callShardOnce(env, shard, (ledger) => ledger.replayAll(filter, room));
      }
      left += await callShard(env, shard, (ledger) => ledger.countDeadLetters(filter));
    }
  } finally {
    // Also what was replayed before a shard did not answer.
    log("dead-letters.replayed", { replayed, left, token: caller?.name });
  }
  return json({ replayed, left }, 202);
}

/** DELETE one dead letter: its body is gone, and its `batch_id` is free again. */
export async function dropDeadLetter(_request: Request, context: Context): Promise<Response> {
  const { key } = named(context);
  for (const shard of await shardsFor(context.env, key)) {
    if (await callShardOnce(context.env, shard, (ledger) => ledger.drop(key))) {
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
