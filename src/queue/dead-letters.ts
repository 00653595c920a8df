import { logError, reasonOf } from "../log.ts";
import { byShard, deliveriesOf, type QueueMessage } from "./delivery.ts";
import { retryDelaySeconds } from "./retry.ts";
import type { LedgerPort } from "./ticket.ts";

/**
 * Takes what the queue gave up on: the ledger marks each batch dead, with the reason that
 * its last attempt left there. Safe to repeat.
 */
export async function consumeDeadLetters(
  messages: readonly QueueMessage[],
  ledger: LedgerPort,
): Promise<void> {
  const shards = [...byShard(deliveriesOf(messages))].map(async ([shard, deliveries]) => {
    try {
      await ledger.bury(
        shard,
        deliveries.map(({ key, ticket }) => ({ key, replays: ticket.replays })),
      );
      for (const { ticket, messages: own } of deliveries) {
        logError("batch.dead", { stream: ticket.stream, batch_id: ticket.batch_id, shard });
        for (const message of own) message.ack();
      }
    } catch (error) {
      logError("ledger.bury-failed", { shard, reason: reasonOf(error) });
      for (const message of deliveries.flatMap((delivery) => delivery.messages)) {
        message.retry({ delaySeconds: retryDelaySeconds(message.attempts) });
      }
    }
  });
  await Promise.all(shards);
}
