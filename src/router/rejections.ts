import { waitUntil } from "cloudflare:workers";
import { callShardOnce } from "../durable/shards.ts";
import { REPORT_REJECTED_MS } from "../limits.ts";
import { logError, reasonOf } from "../log.ts";

/**
 * Refused uploads that this Worker has not reported yet, by stream and kind. A refusal costs
 * no call of the ledger: they are reported together, now and then, to shard 0. What a Worker
 * has not reported when it ends, or could not, is not counted; its log has each.
 */
let unreported = new Map<string, [stream: string, kind: string, number: number]>();
let reportedAt = 0;

/** Counts a refused upload. */
export function countRejection(env: Env, stream: string, kind: string): void {
  const name = `${stream} ${kind}`;
  const known = unreported.get(name);
  if (known) known[2] += 1;
  else unreported.set(name, [stream, kind, 1]);
  if (Date.now() - reportedAt < REPORT_REJECTED_MS) return;
  waitUntil(reportRejections(env));
}

/** Tells the ledger of what is counted. */
export async function reportRejections(env: Env): Promise<void> {
  const report = [...unreported.values()];
  unreported = new Map();
  reportedAt = Date.now();
  if (report.length === 0) return;
  try {
    await callShardOnce(env, 0, (ledger) => ledger.countRejected(report));
  } catch (error) {
    logError("ledger.rejections-lost", { reason: reasonOf(error) });
  }
}
