import { test } from "vitest";
import { GROUP_BATCHES } from "../../src/limits.ts";
import { deliveriesOf, groupsOf, type QueueMessage } from "../../src/queue/delivery.ts";

/** A message with these tickets. */
function messageOf(tickets: { batch_id: string; replays?: number }[]): QueueMessage {
  const common = { stream: "batch-metrics", shard: 0, bytes: 2, replays: 0 };
  const body = { tickets: tickets.map((ticket) => ({ ...common, ...ticket })) };
  return { id: "1", attempts: 1, body, ack() {}, retry() {} };
}

test.for([
  [1, 2],
  [2, 1],
])(
  "of two tickets for a batch the one of the later replay counts: %i, %i",
  (replays, { expect }) => {
    const messages = replays.map((each) => messageOf([{ batch_id: "a", replays: each }]));
    const deliveries = deliveriesOf(messages);
    expect(deliveries.map(({ ticket }) => ticket.replays)).toEqual([2]);
    expect(deliveries[0]?.messages.size).toBe(2);
  },
);

test("a group has a bounded number of batches, however small they are", ({ expect }) => {
  const tickets = Array.from({ length: 2 * GROUP_BATCHES + 1 }, (_, index) => ({
    batch_id: `run-${index}`,
  }));
  const groups = groupsOf(deliveriesOf([messageOf(tickets)]));
  expect(groups.map((group) => group.length)).toEqual([GROUP_BATCHES, GROUP_BATCHES, 1]);
});
