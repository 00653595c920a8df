import type { TicketMessage } from "../src/queue/ticket.ts";

/** How the real queue misbehaves for the ledger's outbox. */
type QueueFault = "none" | "loses" | "fails" | "hangs" | "fails-after-sending";

/** Set by a test; `setup.ts` heals everything after each. */
export const faults: { queue: QueueFault } = { queue: "none" };

/** How many messages each send had that reached the real queue. */
export const sends: number[] = [];

/** The real queue, behind the faults. */
export function faultyQueue(queue: Queue<TicketMessage>): Queue<TicketMessage> {
  return new Proxy(queue, {
    get(target, property) {
      const through = async (messages: number, send: () => Promise<unknown>) => {
        if (faults.queue === "loses") return;
        if (faults.queue === "hangs") await new Promise(() => {});
        if (faults.queue === "fails") throw new Error("Queue is overloaded");
        await send();
        sends.push(messages);
        if (faults.queue === "fails-after-sending") throw new Error("Network connection lost");
      };
      if (property === "send") {
        return (message: TicketMessage, options: QueueSendOptions) =>
          through(1, () => target.send(message, options));
      }
      if (property === "sendBatch") {
        return (messages: MessageSendRequest<TicketMessage>[]) =>
          through(messages.length, () => target.sendBatch(messages));
      }
      return Reflect.get(target, property);
    },
  });
}
