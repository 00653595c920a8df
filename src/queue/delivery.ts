import * as v from "valibot";
import { GROUP_BYTES } from "../limits.ts";
import { logError } from "../log.ts";
import { keyOf, Ticket } from "./ticket.ts";

/** The part of a queue message that a consumer uses. */
export interface QueueMessage {
  readonly id: string;
  readonly attempts: number;
  readonly body: unknown;
  ack(): void;
  retry(options?: { delaySeconds?: number }): void;
}

/** A batch to handle, with every message of this delivery that asks for it. */
export interface Delivery {
  key: string;
  ticket: Ticket;
  messages: QueueMessage[];
}

/**
 * The deliveries of the messages, one for each batch. A message that is no ticket is logged
 * and let go: it claims nothing, and what it may have been is sent again by the ledger.
 */
export function deliveriesOf(messages: readonly QueueMessage[]): Delivery[] {
  const deliveries = new Map<string, Delivery>();
  for (const message of messages) {
    const parsed = v.safeParse(Ticket, message.body);
    if (!parsed.success) {
      logError("queue.not-a-ticket", { message: message.id, reason: parsed.issues[0].message });
      message.ack();
      continue;
    }
    const ticket = parsed.output;
    const key = keyOf(ticket);
    // The same batch may wait in two shards after their number has changed.
    const known = deliveries.get(`${ticket.shard}:${key}`);
    if (known) known.messages.push(message);
    else deliveries.set(`${ticket.shard}:${key}`, { key, ticket, messages: [message] });
  }
  return [...deliveries.values()];
}

/** Groups of one stream each, bounded in the bytes of their bodies; a batch is in one once. */
export function groupsOf(deliveries: readonly Delivery[]): Delivery[][] {
  const open = new Map<string, { deliveries: Delivery[]; keys: Set<string>; bytes: number }>();
  const groups: Delivery[][] = [];
  for (const delivery of deliveries) {
    const { stream, bytes } = delivery.ticket;
    let group = open.get(stream);
    if (!group || group.bytes + bytes > GROUP_BYTES || group.keys.has(delivery.key)) {
      group = { deliveries: [], keys: new Set(), bytes: 0 };
      open.set(stream, group);
      groups.push(group.deliveries);
    }
    group.deliveries.push(delivery);
    group.keys.add(delivery.key);
    group.bytes += bytes;
  }
  return groups;
}

/** The deliveries by the shard that keeps their bodies. */
export function byShard(deliveries: readonly Delivery[]): Map<number, Delivery[]> {
  const shards = new Map<number, Delivery[]>();
  for (const delivery of deliveries) {
    const { shard } = delivery.ticket;
    const known = shards.get(shard);
    if (known) known.push(delivery);
    else shards.set(shard, [delivery]);
  }
  return shards;
}
