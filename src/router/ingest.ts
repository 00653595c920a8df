import { configOf } from "../config.ts";
import type { Admission, Receipt } from "../durable/ledger.ts";
import { callShard, shardOf } from "../durable/shards.ts";
import { Problem, unavailable } from "../problem.ts";
import { keyOf } from "../queue/ticket.ts";
import { databaseOf } from "../store/index.ts";
import { encodeBody } from "../streams/body.ts";
import { parseBatch } from "../streams/parse.ts";
import type { Batch, Stream } from "../streams/stream.ts";
import { type Preference, preferenceOf } from "./preference.ts";
import { readBody } from "./read-body.ts";
import { countRejection } from "./rejections.ts";
import { type Context, json } from "./route.ts";
import { type Grow, holdUpload } from "./uploads-in-memory.ts";

/** POST to a stream: 201 once the batch is written, 202 while it is on its way. */
export async function ingest(
  stream: Stream,
  request: Request,
  context: Context,
): Promise<Response> {
  try {
    const { UPLOADS_IN_MEMORY_BYTES } = configOf(context.env);
    return await holdUpload(request, UPLOADS_IN_MEMORY_BYTES, (grow) =>
      accept(stream, request, grow, context),
    );
  } catch (error) {
    // A conflict is in the ledger's own totals: as one, or as a dead letter where only D1 knew of it.
    if (error instanceof Problem && error.kind !== "batch-conflict") {
      countRejection(context.env, stream.name, error.kind);
    }
    throw error;
  }
}

async function accept(
  stream: Stream,
  request: Request,
  grow: Grow,
  { env, caller, note }: Context,
): Promise<Response> {
  const config = configOf(env);
  await checkRate(env, caller?.name ?? "");

  const admission = await admissionOf(
    stream,
    env,
    await readBody(request, config.MAX_UPLOAD_BYTES, grow),
  );
  const { batch_id, row_count: rows, bytes } = admission;
  const preference = preferenceOf(request.headers.get("Prefer"), config.SYNC_WAIT_SECONDS);
  const shard = shardOf(env, keyOf(admission));
  const receipt = await callShard(env, shard, (ledger): PromiseLike<Receipt> =>
    ledger.accept(admission, preference.wait_ms),
  );
  note("upload.received", {
    stream: stream.name,
    batch_id,
    shard,
    outcome: receipt.outcome,
    rows,
    bytes,
    token: caller?.name,
    ...("state" in receipt && { state: receipt.state }),
  });
  return answer(stream, batch_id, receipt, preference);
}

/**
 * The upload as the ledger takes it. A function of its own, so that the parsed rows are free
 * to go while the caller waits.
 */
async function admissionOf(stream: Stream, env: Env, text: string): Promise<Admission> {
  const batch = parseBatch(stream, text);
  const named = { stream: stream.name, batch_id: batch.batch_id };
  const { body, digest, bytes } = await encodeBody(stream, batch);
  return {
    ...named,
    digest,
    row_count: batch.rows.length,
    bytes,
    body,
    database: databaseOf(stream, env, keyOf(named)),
    ...datedAt(stream, batch),
  };
}

/** From when retention counts the batch's age, where the batch itself says it. */
function datedAt(stream: Stream, batch: Batch): { dated_at?: number } {
  const moment = batch.run[stream.tables?.age.run ?? ""];
  return typeof moment === "string" ? { dated_at: Date.parse(moment) } : {};
}

async function checkRate(env: Env, token: string): Promise<void> {
  const limited = await env.UPLOAD_LIMIT?.limit({ key: token });
  if (limited?.success === false) {
    throw new Problem("too-many-requests", "This token uploads too fast. Wait, then go on.", {
      headers: { "Retry-After": "10" },
    });
  }
}

function answer(
  stream: Stream,
  batch_id: string,
  receipt: Receipt,
  preference: Preference,
): Response {
  if (receipt.outcome === "conflict") {
    throw new Problem(
      "batch-conflict",
      `batch_id ${batch_id} was used for different content, which stays as it is. Post this content under a batch_id of its own.`,
    );
  }
  if (receipt.outcome === "overloaded") {
    throw unavailable("Too many batches wait to be written. Post it again later.", 30);
  }
  const { state, batch_run_id, row_count, reason } = receipt;
  const headers = {
    Location: `${stream.path}/${encodeURIComponent(batch_id)}`,
    ...(receipt.outcome === "duplicate" && { "Idempotent-Replayed": "true" }),
    ...(preference.applied && { "Preference-Applied": preference.applied }),
  };
  if (state === "written") {
    const body = { batch_id, status: state, batch_run_id, [stream.rowsField]: row_count };
    return json(body, 201, headers);
  }
  // A batch that died is kept, with its body, until an operator decides: it is not lost, and
  // posting it again replays it.
  if (state === "dead") return json({ batch_id, status: state, reason }, 202, headers);
  return json({ batch_id, status: state }, 202, { ...headers, "Retry-After": "1" });
}
