import { type BatchRow, isConflict } from "../durable/schema.ts";
import { callShard, shardOf, shardsFor } from "../durable/shards.ts";
import { logError, reasonOf } from "../log.ts";
import { Problem, unavailable } from "../problem.ts";
import { keyOf } from "../queue/ticket.ts";
import { findRunIn } from "../store/databases.ts";
import { failureOf } from "../store/failure.ts";
import type { StoredRun } from "../store/find-run.ts";
import { openStream } from "../store/index.ts";
import type { Stream } from "../streams/stream.ts";
import { type Context, json, param } from "./route.ts";

/** GET a batch: pending; written, with its run; or dead, with the reason and what to do. */
export async function batchStatus(
  stream: Stream,
  _request: Request,
  context: Context,
): Promise<Response> {
  const { env } = context;
  const batch_id = param(context, "batch_id");
  const key = keyOf({ stream: stream.name, batch_id });
  const home = shardOf(env, key);

  // The ledger first: while D1 is away it still knows what waits for D1.
  const row = await callShard(env, home, (ledger) => ledger.status(key));
  if (row && row.state !== "written") return json(unwritten(batch_id, row));
  const { databases } = openStream(stream, env);
  const run = await whileAvailable(stream, () =>
    findRunIn(databases, stream, batch_id, row?.batch_run_id ?? null),
  );
  if (run || row) return json(written(stream, batch_id, run, row));

  const elsewhere = await findElsewhere(env, key);
  if (elsewhere?.state === "written") return json(written(stream, batch_id, null, elsewhere));
  if (elsewhere) return json(unwritten(batch_id, elsewhere));
  throw new Problem("not-found", `No batch ${batch_id} is known in ${stream.name}.`);
}

/** @throws Problem `unavailable` where the database can answer later; else whatever is thrown. */
async function whileAvailable<Result>(stream: Stream, ask: () => Promise<Result>): Promise<Result> {
  try {
    return await ask();
  } catch (error) {
    const reason = reasonOf(error);
    if (failureOf(reason) !== "transient") throw error;
    logError("store.read-failed", { stream: stream.name, reason });
    throw unavailable("The database does not answer. Ask again later.", 5);
  }
}

/** A batch that is not in D1 may wait in the shard it had before the number of shards changed. */
async function findElsewhere(env: Env, key: string): Promise<BatchRow | undefined> {
  const others = (await shardsFor(env, key)).slice(1);
  const rows = await Promise.all(
    others.map((shard) => callShard(env, shard, (ledger) => ledger.status(key))),
  );
  return rows.find((row) => row !== null) ?? undefined;
}

function unwritten(batch_id: string, row: BatchRow): object {
  const common = {
    batch_id,
    status: row.state,
    accepted_at: isoOf(row.accepted_at),
    attempts: row.attempts,
    replays: row.replays,
    replayed_at: isoOf(row.replayed_at),
  };
  if (row.state === "pending") return { ...common, last_error: row.reason };
  const next = isConflict(row)
    ? "Another content is written under this batch_id. Post this one under a batch_id of its own, or drop it from the dead letters."
    : "Once the cause is mended, post the same batch again, or let an operator replay it.";
  return { ...common, reason: row.reason, died_at: isoOf(row.settled_at), next };
}

/** @param run null where retention has deleted it, or the stream has none. */
function written(
  stream: Stream,
  batch_id: string,
  run: StoredRun | null,
  row: BatchRow | null,
): object {
  return {
    batch_id,
    status: "written",
    batch_run_id: run?.batch_run_id ?? row?.batch_run_id ?? null,
    [stream.rowsField]: run?.row_count ?? row?.row_count,
    accepted_at: run?.accepted_at ?? isoOf(row?.accepted_at ?? null),
    written_at: isoOf(row?.settled_at ?? null),
    run: run?.fields ?? null,
  };
}

function isoOf(milliseconds: number | null): string | null {
  return milliseconds === null ? null : new Date(milliseconds).toISOString();
}
