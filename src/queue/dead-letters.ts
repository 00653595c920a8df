import { logError, reasonOf } from "../log.ts";
import { Acknowledgements, byShard, deliveriesOf, type QueueMessage } from "./delivery.ts";
import { batchOf, type LedgerPort } from "./ticket.ts";

/**
 * Takes what the queue gave up on: the ledger marks each batch dead, with the reason that
 * its last attempt left there. Safe to repeat.
 */
export async function consumeDeadLetters(
  messages: readonly QueueMessage[],
  ledger: LedgerPort,
): Promise<void> {
  const all = deliveriesOf(messages);
  const acknowledgements = new Acknowledgements(all);
  const shards = [...byShard(all)].map(async ([shard, deliveries]) => {
    try {
      const burials = deliveries.map(({ key, ticket }) => ({ key, replays: ticket.replays }));
      for (const key of await ledger.bury(shard, burials)) {
        logError("batch.dead", { ...batchOf(key), shard });
      }
      for (const delivery of deliveries) acknowledgements.done(delivery);
    } catch (error) {
      logError("ledger.bury-failed", { shard, reason: reasonOf(error) });
      for (const delivery of deliveries) acknowledgements.again(delivery);
    }
  });
  await Promise.all(shards);
}
