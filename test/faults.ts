import type { TicketMessage } from "../src/queue/ticket.ts";

/** How the real queue misbehaves for the ledger's outbox. */
type QueueFault = "none" | "loses" | "fails" | "hangs" | "fails-after-sending";

/** Set by a test; `setup.ts` heals everything after each. */
export const faults: { queue: QueueFault } = { queue: "none" };

/** The sends that reached the real queue, with the messages of each. */
export const sends: [method: "send" | "sendBatch", messages: TicketMessage[]][] = [];

/** The real queue, behind the faults. */
export function faultyQueue(queue: Queue<TicketMessage>): Queue<TicketMessage> {
  return new Proxy(queue, {
    get(target, property) {
      const through = async (sent: (typeof sends)[number], send: () => Promise<unknown>) => {
        if (faults.queue === "loses") return;
        if (faults.queue === "hangs") await new Promise(() => {});
        if (faults.queue === "fails") throw new Error("Queue is overloaded");
        await send();
        sends.push(sent);
        if (faults.queue === "fails-after-sending") throw new Error("Network connection lost");
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

/** The database, which does this instead of deleting. */
export function deletingBy(database: D1Database, work: () => Promise<unknown>): D1Database {
  return new Proxy(database, {
    get(target, property) {
      if (property !== "prepare") return Reflect.get(target, property).bind(target);
      return (text: string) =>
        text.startsWith("DELETE") ? { bind: () => ({ run: work }) } : target.prepare(text);
    },
  });
}
