import * as v from "valibot";
import { allShards, callShardOnce } from "../durable/shards.ts";
import { log } from "../log.ts";
import { Problem } from "../problem.ts";
import { BatchId } from "../streams/fields.ts";
import { streamNamed } from "../streams/index.ts";
import { Instant, parseFilter, readFilter } from "./filter.ts";
import { type Context, json } from "./route.ts";

/** Which written batches the ledger is to forget. */
export const ForgetFields = v.strictObject({
  stream: v.string("must be a string"),
  batch_id: v.optional(BatchId),
  since: v.optional(Instant),
});

// Not both, and not neither: a forgotten field would make it about the whole stream.
const ForgetFilter = v.pipe(
  ForgetFields,
  v.check(
    ({ batch_id, since }) => (batch_id === undefined) !== (since === undefined),
    "must have batch_id, or since",
  ),
);

/**
 * POST /ledger/forget: the ledger forgets batches that are written, because D1 has lost them:
 * they can be posted again. Where D1 has them it recognises them then.
 */
export async function forgetWritten(
  request: Request,
  { env, streams, caller }: Context,
): Promise<Response> {
  const order = parseFilter(ForgetFilter, await readFilter(request), streams);
  const { stream, batch_id } = order;
  if (!streamNamed(streams, stream)?.tables) {
    throw new Problem("invalid-request", `Nothing but the ledger knows the batches of ${stream}.`);
  }
  let forgotten = 0;
  let left = 0;
  try {
    for (const shard of await allShards(env)) {
      const answer = await callShardOnce(env, shard, (ledger) => ledger.forget(order));
      forgotten += answer.forgotten;
      left += answer.left;
    }
  } finally {
    // Also where a shard does not answer: the others have forgotten.
    log("ledger.told-to-forget", { stream, batch_id, forgotten, left, token: caller?.name });
  }
  return json({ forgotten, left });
}
