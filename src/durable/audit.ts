import { retentionDays } from "../config.ts";
import { AUDIT_QUERIES } from "../limits.ts";
import { log, logError, reasonOf } from "../log.ts";
import { batchOf } from "../queue/ticket.ts";
import { findContentsIn } from "../store/databases.ts";
import type { Content } from "../store/find-run.ts";
import { openStream } from "../store/index.ts";
import type { Stream } from "../streams/stream.ts";
import type { BatchRow } from "./schema.ts";
import { allShards, callShard } from "./shards.ts";

const DAY_MS = 24 * 60 * 60 * 1000;

/** Batches that one line of the log names. */
const MOST_NAMED = 10;

/** What a run of the audit works with. */
interface Run {
  streams: readonly Stream[];
  env: Env;
  /** In milliseconds since 1970. */
  now: number;
  /** Queries that it may still take. */
  queries: number;
}

/**
 * Compares the ledger with D1, a stretch of each shard at a time, round and round: what the
 * ledger calls written must be there, with the same content and all its rows, unless retention
 * may have taken it. What is not is logged as the error `ledger.unbalanced`, which alerts can
 * match. A shard that fails does not keep the others from being audited. It begins at any of them,
 * so that each has its turn where there are more than one run may ask. Throws nothing.
 */
export async function audit(streams: readonly Stream[], env: Env, now: number): Promise<void> {
  const run: Run = { streams, env, now, queries: AUDIT_QUERIES };
  try {
    const shards = await allShards(env);
    const first = Math.floor(Math.random() * shards.length);
    for (const shard of [...shards.slice(first), ...shards.slice(0, first)]) {
      if (run.queries > 0) await tryShard(run, shard);
    }
  } catch (error) {
    logError("ledger.audit-failed", { reason: reasonOf(error) });
  }
}

async function tryShard(run: Run, shard: number): Promise<void> {
  try {
    await auditShard(run, shard);
  } catch (error) {
    logError("ledger.audit-failed", { shard, reason: reasonOf(error) });
  }
}

async function auditShard(run: Run, shard: number): Promise<void> {
  const { rows, next } = await callShard(run.env, shard, (ledger) => ledger.nextForAudit());
  for (const stream of run.streams) {
    const own = rows.filter((row) => batchOf(row.key).stream === stream.name);
    await auditStream(run, stream, shard, own);
  }
  await callShard(run.env, shard, (ledger) => ledger.auditedTo(next));
}

async function auditStream(
  run: Run,
  stream: Stream,
  shard: number,
  rows: readonly BatchRow[],
): Promise<void> {
  if (!stream.tables || rows.length === 0) return;
  const { databases } = openStream(stream, run.env);
  if (databases.length === 0) return;
  // A day of grace: retention may be at work, or the days may just have been changed.
  const days = retentionDays(run.env, stream.name, stream.retentionDays) - 1;
  const kept = rows.filter((row) => row.dated_at > run.now - days * DAY_MS);
  const ids = kept.map((row) => batchOf(row.key).batch_id);
  run.queries -= databases.length;
  const runs = await findContentsIn(databases, stream.tables, ids);

  const where = { stream: stream.name, shard };
  const unbalanced = kept.flatMap((row) => {
    const { batch_id } = batchOf(row.key);
    const reason = faultOf(row, runs.get(batch_id));
    return reason ? [{ batch_id, reason }] : [];
  });
  // One line for all that fare alike: the platform cuts off what is logged beyond 256 KB.
  for (const [reason, alike] of Map.groupBy(unbalanced, (one) => one.reason)) {
    const named = alike.slice(0, MOST_NAMED).map(({ batch_id }) => batch_id);
    const batch_ids = named.join(" ");
    logError("ledger.unbalanced", { ...where, reason, batches: alike.length, batch_ids });
  }
  log("ledger.audited", { ...where, batches: kept.length, unbalanced: unbalanced.length });
}

function faultOf(row: BatchRow, found: Content | undefined): string | undefined {
  if (!found) return "written, but not in D1";
  if (found.digest !== row.digest) return "D1 has other content";
  if (found.row_count !== null && found.row_count !== row.row_count) {
    return `${row.row_count} rows were written, D1 has ${found.row_count}`;
  }
  return undefined;
}
