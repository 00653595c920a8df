import { env } from "cloudflare:workers";
import { test } from "vitest";
import { sendTickets } from "../../src/durable/batch-ledger.ts";
import { realClock } from "../../src/durable/clock.ts";
import { Outbox } from "../../src/durable/outbox.ts";
import { GROUP_BYTES, OUTBOX_MS, RESEND_LONGEST_MS, SEND_TICKETS } from "../../src/limits.ts";
import { messagesOf, type Ticket } from "../../src/queue/ticket.ts";
import { faultyQueue, sends } from "../faults.ts";

function tickets(count: number): Ticket[] {
  return Array.from({ length: count }, (_, index) => ({
    stream: "batch-metrics",
    batch_id: `run-${index}`,
    shard: 0,
    bytes: 100,
    replays: 0,
    accepted_at: 0,
  }));
}

test("tickets that wait go together, at most a hundred to a send", async ({ expect }) => {
  const sizes: number[] = [];
  const outbox = new Outbox({
    clock: realClock,
    async send(sent) {
      sizes.push(sent.length);
      await new Promise((resolve) => setTimeout(resolve, 5));
    },
    onUnsent: () => expect.unreachable(),
  });
  for (const ticket of tickets(950)) outbox.add([ticket], true);
  await expect.poll(() => sizes.reduce((sum, size) => sum + size, 0)).toBe(950);
  expect(Math.max(...sizes)).toBe(SEND_TICKETS);
  expect(sizes.length).toBeLessThan(15);
});

test("tickets that nobody waits for gather, until one is awaited, there are many or time is up", async ({
  expect,
}) => {
  const sizes: number[] = [];
  let timeIsUp: (() => void) | undefined;
  const outbox = new Outbox({
    clock: {
      ...realClock,
      after(ms, callback) {
        if (ms !== OUTBOX_MS) return () => {};
        timeIsUp = callback;
        return () => (timeIsUp = undefined);
      },
    },
    send: async (sent) => void sizes.push(sent.length),
    onUnsent: () => expect.unreachable(),
  });
  for (const ticket of tickets(3)) outbox.add([ticket]);
  outbox.add(tickets(1), true);
  await expect.poll(() => sizes).toHaveLength(1);
  expect(timeIsUp).toBeUndefined();

  outbox.add(tickets(SEND_TICKETS - 1));
  outbox.add(tickets(1));
  await expect.poll(() => sizes).toHaveLength(2);

  outbox.add(tickets(2));
  outbox.add(tickets(5));
  timeIsUp?.();
  await expect.poll(() => sizes).toEqual([4, SEND_TICKETS, 7]);
});

test("a hanging send does not hold up the next ones", async ({ expect }) => {
  const sent: string[] = [];
  const outbox = new Outbox({
    clock: realClock,
    async send([first]) {
      if (first?.batch_id === "run-0") await new Promise(() => {});
      sent.push(first?.batch_id ?? "");
    },
    onUnsent: () => {},
  });
  for (const ticket of tickets(2)) {
    outbox.add([ticket], true);
    await Promise.resolve();
    await Promise.resolve();
  }
  await expect.poll(() => sent).toEqual(["run-1"]);
});

test("failing sends hand their tickets back, each time for longer, up to a minute", async ({
  expect,
}) => {
  const delays: number[] = [];
  const outbox = new Outbox({
    clock: realClock,
    send: () => Promise.reject(new Error("Queue is overloaded")),
    onUnsent: (unsent, delay, reason) => {
      expect([unsent.length, reason]).toEqual([1, "Queue is overloaded"]);
      delays.push(delay);
    },
  });
  for (let count = 1; count <= 9; count++) {
    outbox.add(tickets(1), true);
    await expect.poll(() => delays).toHaveLength(count);
  }
  expect(delays.slice(0, 4)).toEqual([1_000, 2_000, 4_000, 8_000]);
  expect(delays.at(-1)).toBe(RESEND_LONGEST_MS);
});

test("tickets are sent as one message, or as several where their bodies are large", async ({
  expect,
}) => {
  const queue = faultyQueue(env.QUEUE);
  const large = tickets(2).map((ticket) => ({ ...ticket, bytes: GROUP_BYTES }));
  await sendTickets(queue, tickets(2));
  await sendTickets(queue, large);
  expect(sends).toEqual([
    ["send", messagesOf(tickets(2))],
    ["sendBatch", messagesOf(large)],
  ]);
  expect(sends.map(([, messages]) => messages.length)).toEqual([1, 2]);
});
