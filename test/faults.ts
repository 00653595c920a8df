import type { TicketMessage } from "../src/queue/ticket.ts";

/** How the real queue misbehaves for the ledger's outbox. */
type QueueFault = "none" | "loses" | "fails" | "hangs" | "fails-after-sending";

/** Set by a test; `setup.ts` heals everything after each. */
export const faults: { queue: QueueFault } = { queue: "none" };

/** The real queue, behind the faults. */
export function faultyQueue(queue: Queue<TicketMessage>): Queue<TicketMessage> {
  return new Proxy(queue, {
    get(target, property) {
      const through = async (send: () => Promise<unknown>) => {
        if (faults.queue === "loses") return;
        if (faults.queue === "hangs") await new Promise(() => {});
        if (faults.queue === "fails") throw new Error("Queue is overloaded");
        await send();
        if (faults.queue === "fails-after-sending") throw new Error("Network connection lost");
      };
      if (property === "send") {
        return (message: TicketMessage, options: QueueSendOptions) =>
          through(() => target.send(message, options));
      }
      if (property === "sendBatch") {
        return (messages: Iterable<MessageSendRequest<TicketMessage>>) =>
          through(() => target.sendBatch(messages));
      }
      return Reflect.get(target, property);
    },
  });
}
