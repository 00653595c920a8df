import * as v from "valibot";
import { GROUP_BATCHES, GROUP_BYTES } from "../limits.ts";
import { logError } from "../log.ts";
import { retryDelaySeconds } from "./retry.ts";
import { keyOf, type Ticket, TicketMessage } from "./ticket.ts";

/** The part of a queue message that a consumer uses. */
export interface QueueMessage {
  readonly id: string;
  readonly attempts: number;
  readonly body: unknown;
  ack(): void;
  retry(options?: { delaySeconds?: number }): void;
}

/** A batch to handle, with every message that asks for it. */
export interface Delivery {
  key: string;
  ticket: Ticket;
  messages: Set<QueueMessage>;
}

/**
 * The deliveries of the messages, one for each batch. A message that has no tickets is logged
 * and let go: it claims nothing, and what it may have been is sent again by the ledger.
 */
export function deliveriesOf(messages: readonly QueueMessage[]): Delivery[] {
  const deliveries = new Map<string, Delivery>();
  for (const message of messages) {
    const parsed = v.safeParse(TicketMessage, message.body);
    if (!parsed.success) {
      logError("queue.no-tickets", { message: message.id, reason: parsed.issues[0].message });
      message.ack();
      continue;
    }
    for (const ticket of parsed.output.tickets) {
      const key = keyOf(ticket);
      // The same batch may wait in two shards after their number has changed.
      const place = `${ticket.shard}:${key}`;
      const known = deliveries.get(place);
      const asking = (known?.messages ?? new Set<QueueMessage>()).add(message);
      const latest = known && isLater(known.ticket, ticket) ? known.ticket : ticket;
      deliveries.set(place, { key, ticket: latest, messages: asking });
    }
  }
  return [...deliveries.values()];
}

/** Whether a ticket is of a later acceptance, or a later replay, than another of its batch: an old one buries nothing. */
function isLater(one: Ticket, other: Ticket): boolean {
  const later = one.accepted_at - other.accepted_at;
  return later === 0 ? one.replays > other.replays : later > 0;
}

/**
 * Tells the queue what became of its messages: one is acknowledged when the last of its
 * batches is done with, and comes again when one of them has to. Those that were written by
 * then are passed over.
 */
export class Acknowledgements {
  readonly #open = new Map<QueueMessage, { batches: number; again: boolean }>();

  constructor(deliveries: readonly Delivery[]) {
    for (const message of deliveries.flatMap(({ messages }) => [...messages])) {
      const batches = (this.#open.get(message)?.batches ?? 0) + 1;
      this.#open.set(message, { batches, again: false });
    }
  }

  /** The batch is done with, one way or the other. */
  done(delivery: Delivery): void {
    this.#end(delivery, false);
  }

  /** The batch has to come again. */
  again(delivery: Delivery): void {
    this.#end(delivery, true);
  }

  #end({ messages }: Delivery, again: boolean): void {
    for (const message of messages) {
      const open = this.#open.get(message);
      if (!open) continue;
      open.batches -= 1;
      open.again ||= again;
      if (open.batches > 0) continue;
      if (open.again) message.retry({ delaySeconds: retryDelaySeconds(message.attempts) });
      else message.ack();
    }
  }
}

/** Groups of one stream each, bounded in number and in the bytes of their bodies; a batch is in one once. */
export function groupsOf(deliveries: readonly Delivery[]): Delivery[][] {
  const open = new Map<string, { deliveries: Delivery[]; keys: Set<string>; bytes: number }>();
  const groups: Delivery[][] = [];
  for (const delivery of deliveries) {
    const { stream, bytes } = delivery.ticket;
    let group = open.get(stream);
    const fits = group && group.keys.size < GROUP_BATCHES && group.bytes + bytes <= GROUP_BYTES;
    if (!group || !fits || group.keys.has(delivery.key)) {
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
