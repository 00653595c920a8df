import type { BatchLedger } from "../src/index.ts";
import type { TicketMessage } from "../src/queue/ticket.ts";

/** How the parts around the ledger misbehave. Set by a test; `setup.ts` heals everything after each. */
interface Faults {
  /** The queue, for the ledger's outbox. A fault counts when the outbox sends: `attempts` tells when it has. */
  queue: "none" | "loses" | "fails" | "hangs" | "fails-after-sending";
  /** What the queue delivers waits. */
  deliveries: "none" | "held";
  /** Shard 0, when another shard announces itself. */
  announcing: "none" | "fails";
}

const NONE: Faults = { queue: "none", deliveries: "none", announcing: "none" };

export const faults: Faults = { ...NONE };

type Send = [method: "send" | "sendBatch", messages: TicketMessage[]];

/** Every send that the outbox began, whatever became of it. */
export const attempts: Send[] = [];

/** The sends that reached the real queue, with the messages of each. */
export const sends: Send[] = [];

/** The messages of each delivery that the consumers are done with. */
export const delivered: unknown[][] = [];

/** Those of the sends or deliveries that have the ticket of a batch: others may be left over from another test. */
export function withTicketOf<Entry>(batch_id: string, entries: readonly Entry[]): Entry[] {
  return entries.filter((entry) => JSON.stringify(entry).includes(`"batch_id":"${batch_id}"`));
}

/** Ends all faults, and forgets what happened. */
export function healAll(): void {
  Object.assign(faults, NONE);
  for (const record of [attempts, sends, delivered]) record.length = 0;
}

/** The real queue, behind the faults. */
export function faultyQueue(queue: Queue<TicketMessage>): Queue<TicketMessage> {
  return new Proxy(queue, {
    get(target, property) {
      const through = async (sent: Send, send: () => Promise<unknown>) => {
        const { queue: fault } = faults;
        attempts.push(sent);
        if (fault === "loses") return;
        if (fault === "hangs") await new Promise(() => {});
        if (fault === "fails") throw new Error("Queue is overloaded");
        await send();
        sends.push(sent);
        if (fault === "fails-after-sending") throw new Error("Network connection lost");
      };
      if (property === "send") {
        return (message: TicketMessage, options: QueueSendOptions) =>
          through(["send", [message]], () => target.send(message, options));
      }
      if (property === "sendBatch") {
        return (messages: MessageSendRequest<TicketMessage>[]) => {
          const bodies = messages.map(({ body }) => body);
          return through(["sendBatch", bodies], () => target.sendBatch(messages));
        };
      }
      return Reflect.get(target, property);
    },
  });
}

/** The other shards as a shard sees them, behind the faults. */
export function faultyShards(
  shards: DurableObjectNamespace<BatchLedger>,
): DurableObjectNamespace<BatchLedger> {
  return new Proxy(shards, {
    get(target, property) {
      if (faults.announcing === "fails") throw new Error("Network connection lost");
      const value: unknown = Reflect.get(target, property);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Has a delivery wait while deliveries are held. */
export async function untilLetGo(): Promise<void> {
  while (faults.deliveries === "held") await scheduler.wait(10);
}
