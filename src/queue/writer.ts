import { MAX_REASON_LENGTH } from "../limits.ts";
import { logError, reasonOf } from "../log.ts";
import type { OpenStream } from "../store/index.ts";
import {
  Acknowledgements,
  byShard,
  deliveriesOf,
  type Delivery,
  groupsOf,
  type QueueMessage,
} from "./delivery.ts";
import { logOutcomes, logPassedOver } from "./log-outcomes.ts";
import type { Claim, LedgerPort, Report } from "./ticket.ts";
import { failed, type PendingBatch, writeBatches } from "./write-batches.ts";

/** What the writer works with. */
export interface WriterPorts {
  ledger: LedgerPort;
  /** The stream of that name, or undefined where this version of the service has none. */
  stream(name: string): OpenStream | undefined;
}

/**
 * Writes the batches that the messages ask for: bodies from the ledger, one transaction a
 * group, the outcome to the ledger, and only then the acknowledgement. Breaking off anywhere
 * is safe: what was not acknowledged comes again, and writing it again changes nothing.
 */
export async function consumeTickets(
  messages: readonly QueueMessage[],
  ports: WriterPorts,
): Promise<void> {
  const deliveries = deliveriesOf(messages);
  const acknowledgements = new Acknowledgements(deliveries);
  for (const group of groupsOf(deliveries)) {
    await consumeGroup(group, { ...ports, acknowledgements, started: Date.now() });
  }
}

/** What a group is written with. */
interface Work extends WriterPorts {
  acknowledgements: Acknowledgements;
  /** When it was begun, in milliseconds since 1970. */
  started: number;
}

async function consumeGroup(group: Delivery[], work: Work): Promise<void> {
  const claimed = await claimAll(group, work);
  const batches: PendingBatch[] = [];
  for (const { delivery, claim } of claimed) {
    if (claim.state === "pending") batches.push({ ...claim, batch_id: delivery.ticket.batch_id });
    else work.acknowledgements.done(delivery);
  }
  const passed = claimed.filter(({ claim }) => claim.state !== "pending");
  logPassedOver(passed, work.started);
  const reports = await writeAll(group[0]?.ticket.stream ?? "", batches, work);
  const byKey = new Map(reports.map((report) => [report.key, report]));
  const shards = [...byShard(claimed.map(({ delivery }) => delivery))].map(([shard, deliveries]) =>
    settleShard(shard, deliveries, byKey, work),
  );
  await Promise.all(shards);
}

/** What the shards have for the deliveries. Those of a shard that does not answer come again. */
async function claimAll(
  group: Delivery[],
  { ledger, acknowledgements }: Work,
): Promise<{ delivery: Delivery; claim: Claim }[]> {
  const shards = [...byShard(group)].map(async ([shard, deliveries]) => {
    try {
      const claims = await ledger.claim(
        shard,
        deliveries.map((delivery) => delivery.key),
      );
      const byKey = new Map(claims.map((claim) => [claim.key, claim]));
      return deliveries.map((delivery) => ({
        delivery,
        claim: byKey.get(delivery.key) ?? { state: "unknown" as const, key: delivery.key },
      }));
    } catch (error) {
      logError("ledger.claim-failed", { shard, reason: reasonOf(error) });
      for (const delivery of deliveries) acknowledgements.again(delivery);
      return [];
    }
  });
  return (await Promise.all(shards)).flat();
}

/** Tells a shard what became of its batches, and then the queue. */
async function settleShard(
  shard: number,
  deliveries: Delivery[],
  reports: Map<string, Report>,
  work: Work,
): Promise<void> {
  const reported = deliveries.flatMap((delivery) => {
    const report = reports.get(delivery.key);
    return report ? [{ delivery, report }] : [];
  });
  if (reported.length === 0) return;
  try {
    await work.ledger.settle(
      shard,
      reported.map(({ report }) => report),
    );
  } catch (error) {
    // The batches may be in D1. Their messages come again, and settle then.
    logError("ledger.settle-failed", { shard, reason: reasonOf(error) });
    for (const { delivery } of reported) work.acknowledgements.again(delivery);
    return;
  }
  for (const { delivery, report } of reported) {
    if (report.outcome === "failed") work.acknowledgements.again(delivery);
    else work.acknowledgements.done(delivery);
  }
  logOutcomes(reported, work.started);
}

/** Throws nothing: a stream that cannot be opened keeps nobody else's batches from being written. */
async function writeAll(
  stream: string,
  batches: PendingBatch[],
  ports: WriterPorts,
): Promise<Report[]> {
  let reason = `no stream "${stream}" in this version`;
  try {
    const open = ports.stream(stream);
    if (open) return await writeBatches(open, batches);
  } catch (error) {
    reason = `stream "${stream}" cannot be opened: ${reasonOf(error)}`.slice(0, MAX_REASON_LENGTH);
    logError("store.write-failed", {
      stream,
      batches: batches.length,
      failure: "transient",
      reason,
    });
  }
  return batches.map((batch) => failed(batch, reason));
}
