import { chunksOf } from "../chunks.ts";
import { GROUP_BATCHES } from "../limits.ts";
import { logError, reasonOf } from "../log.ts";
import {
  Acknowledgements,
  byShard,
  deliveriesOf,
  type Delivery,
  type QueueMessage,
} from "./delivery.ts";
import { logBuried } from "./log-outcomes.ts";
import type { LedgerPort } from "./ticket.ts";

/** Whether a queue is one of dead letters. By its name: a consumer is told nothing else of it. */
export function isDeadLetterQueue(name: string): boolean {
  return name.includes("dead-letter");
}

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
  const chunks = [...byShard(all)].flatMap(([shard, deliveries]) =>
    chunksOf(deliveries, () => 1, GROUP_BATCHES).map((chunk) => bury(shard, chunk)),
  );
  await Promise.all(chunks);

  async function bury(shard: number, deliveries: Delivery[]): Promise<void> {
    try {
      const burials = deliveries.map(({ key, ticket: { replays, accepted_at } }) => ({
        key,
        replays,
        accepted_at,
      }));
      logBuried(shard, await ledger.bury(shard, burials));
      for (const delivery of deliveries) acknowledgements.done(delivery);
    } catch (error) {
      logError("ledger.bury-failed", { shard, reason: reasonOf(error) });
      for (const delivery of deliveries) acknowledgements.again(delivery);
    }
  }
}
