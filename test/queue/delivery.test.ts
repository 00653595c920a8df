import { test } from "vitest";
import { GROUP_BATCHES } from "../../src/limits.ts";
import { deliveriesOf, groupsOf, type QueueMessage } from "../../src/queue/delivery.ts";
import type { Ticket } from "../../src/queue/ticket.ts";

/** A message with these tickets. */
function messageOf(tickets: Partial<Ticket>[]): QueueMessage {
  const common = { stream: "batch-metrics", shard: 0, bytes: 2, replays: 0, accepted_at: 0 };
  const body = { tickets: tickets.map((ticket) => ({ ...common, ...ticket })) };
  return { id: "1", attempts: 1, body, ack() {}, retry() {} };
}

test.for([
  ["of the later replay", { replays: 1 }, { replays: 2 }],
  ["of the later acceptance", { accepted_at: 1, replays: 3 }, { accepted_at: 2, replays: 0 }],
  ["that tells its acceptance", {}, { accepted_at: 1 }],
] as const)("of two tickets for a batch the one %s counts", ([, old, later], { expect }) => {
  for (const tickets of [
    [old, later],
    [later, old],
  ]) {
    const deliveries = deliveriesOf(tickets.map((one) => messageOf([{ batch_id: "a", ...one }])));
    expect(deliveries.map(({ ticket }) => ticket)).toMatchObject([later]);
    expect(deliveries[0]?.messages.size).toBe(2);
  }
});

test("a group has a bounded number of batches, however small they are", ({ expect }) => {
  const tickets = Array.from({ length: 2 * GROUP_BATCHES + 1 }, (_, index) => ({
    batch_id: `run-${index}`,
  }));
  const groups = groupsOf(deliveriesOf([messageOf(tickets)]));
  expect(groups.map((group) => group.length)).toEqual([GROUP_BATCHES, GROUP_BATCHES, 1]);
});
