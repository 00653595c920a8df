import { sumOf } from "../durable/totals.ts";
import { allShards, callShard } from "../durable/shards.ts";
import { type Context, json } from "./route.ts";
import { reportRejections } from "./rejections.ts";

/** GET /ledger: what became of every batch, by stream, over all shards. */
export async function readTotals(_request: Request, { env, streams }: Context): Promise<Response> {
  await reportRejections(env);
  const names = streams.map((stream) => stream.name);
  const shards = await allShards(env);
  const totals = await Promise.all(
    shards.map((shard) => callShard(env, shard, (ledger) => ledger.totals(names))),
  );
  const now = Date.now();
  const byStream = names.map((name, index) => {
    const { oldest_pending_at: at, ...sums } = sumOf(totals.flatMap((shard) => shard[index] ?? []));
    const oldest_pending_seconds = at === null ? null : Math.round((now - at) / 1000);
    return [name, { ...sums, oldest_pending_seconds }];
  });
  return json({ shards: shards.length, streams: Object.fromEntries(byStream) });
}
