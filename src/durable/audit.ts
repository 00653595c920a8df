import { retentionDays } from "../config.ts";
import { log, logError, reasonOf } from "../log.ts";
import { batchOf } from "../queue/ticket.ts";
import { findContentsIn } from "../store/databases.ts";
import type { Content } from "../store/find-run.ts";
import { openStream } from "../store/index.ts";
import type { Stream } from "../streams/stream.ts";
import type { BatchRow } from "./schema.ts";
import { allShards, callShard } from "./shards.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Compares the ledger with D1, a stretch of each shard at a time, round and round: what the
 * ledger calls written must be there, with the same content and all its rows, unless retention
 * may have taken it. What is not is logged as the error `ledger.unbalanced`, which alerts can
 * match. A shard that fails does not keep the others from being audited. Throws nothing.
 */
export async function audit(streams: readonly Stream[], env: Env, now: number): Promise<void> {
  try {
    for (const shard of await allShards(env)) await tryShard(streams, env, shard, now);
  } catch (error) {
    logError("ledger.audit-failed", { reason: reasonOf(error) });
  }
}

async function tryShard(
  streams: readonly Stream[],
  env: Env,
  shard: number,
  now: number,
): Promise<void> {
  try {
    await auditShard(streams, env, shard, now);
  } catch (error) {
    logError("ledger.audit-failed", { shard, reason: reasonOf(error) });
  }
}

async function auditShard(
  streams: readonly Stream[],
  env: Env,
  shard: number,
  now: number,
): Promise<void> {
  const { rows, next } = await callShard(env, shard, (ledger) => ledger.nextForAudit());
  for (const stream of streams) {
    const own = rows.filter((row) => batchOf(row.key).stream === stream.name);
    await auditStream(stream, env, shard, own, now);
  }
  await callShard(env, shard, (ledger) => ledger.auditedTo(next));
}

async function auditStream(
  stream: Stream,
  env: Env,
  shard: number,
  rows: readonly BatchRow[],
  now: number,
): Promise<void> {
  if (!stream.tables || rows.length === 0) return;
  const { databases } = openStream(stream, env);
  if (databases.length === 0) return;
  // A day of grace: retention may be at work, or the days may just have been changed.
  const days = retentionDays(env, stream.name, stream.retentionDays) - 1;
  const kept = rows.filter((row) => row.dated_at > now - days * DAY_MS);
  const ids = kept.map((row) => batchOf(row.key).batch_id);
  const runs = await findContentsIn(databases, stream.tables, ids);

  let unbalanced = 0;
  for (const row of kept) {
    const { batch_id } = batchOf(row.key);
    const reason = faultOf(row, runs.get(batch_id));
    if (!reason) continue;
    unbalanced += 1;
    logError("ledger.unbalanced", { stream: stream.name, batch_id, shard, reason });
  }
  log("ledger.audited", { stream: stream.name, shard, batches: kept.length, unbalanced });
}

function faultOf(row: BatchRow, found: Content | undefined): string | undefined {
  if (!found) return "written, but not in D1";
  if (found.digest !== row.digest) return "D1 has other content";
  if (found.row_count !== null && found.row_count !== row.row_count) {
    return `${row.row_count} rows were written, D1 has ${found.row_count}`;
  }
  return undefined;
}
