import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { test } from "vitest";
import { shardOf } from "../../src/durable/shards.ts";
import { GROUP_BATCHES } from "../../src/limits.ts";
import { consumeDeadLetters } from "../../src/queue/dead-letters.ts";
import type { QueueMessage } from "../../src/queue/delivery.ts";
import type { LedgerPort } from "../../src/queue/ticket.ts";
import { ASYNC, batch, post, shardFor, untilStatus } from "../client.ts";
import { faults } from "../faults.ts";
import worker from "../worker.ts";

function ticketOf(batch_id: string, shard: number, accepted_at = 0) {
  return { stream: "batch-metrics", batch_id, shard, bytes: 2, replays: 0, accepted_at };
}

test.for(["millrace-dead-letters", "millrace-dead-letters-staging", "dead-letter-millrace"])(
  "what comes by the queue %s is dead",
  async (name, { expect }) => {
    faults.queue = "loses";
    await post(batch(), ASYNC);
    const key = "batch-metrics/run-1";
    const row = await shardFor("run-1").status(key);
    const ticket = ticketOf("run-1", shardOf(env, key), row?.accepted_at);
    const body = { tickets: [ticket] };
    const message = { id: "1", attempts: 1, timestamp: new Date(), body };
    const delivery = createMessageBatch(name, [message]);
    await worker.queue(delivery, env);
    const { explicitAcks } = await getQueueResult(delivery, createExecutionContext());
    expect(explicitAcks).toEqual(["1"]);
    await untilStatus("dead");
  },
);

test("a shard is told of a bounded number at once, and what it did not hear of comes again", async ({
  expect,
}) => {
  const sizes: number[] = [];
  const ledger: LedgerPort = {
    claim: () => Promise.resolve([]),
    settle: () => Promise.resolve(),
    bury(_shard, burials) {
      sizes.push(burials.length);
      return sizes.length === 2 ? Promise.reject(new Error("away")) : Promise.resolve([]);
    },
  };
  const outcomes: string[] = [];
  const messages = [0, 1, 2].map((number): QueueMessage => {
    const ids = Array.from({ length: GROUP_BATCHES }, (_, index) => `run-${number}-${index}`);
    const body = { tickets: ids.map((batch_id) => ticketOf(batch_id, 0)) };
    const ack = () => void outcomes.push(`${number} done`);
    const retry = () => void outcomes.push(`${number} again`);
    return { id: String(number), attempts: 1, body, ack, retry };
  });
  await consumeDeadLetters(messages, ledger);
  expect(sizes).toEqual([GROUP_BATCHES, GROUP_BATCHES, GROUP_BATCHES]);
  expect(outcomes.toSorted()).toEqual(["0 done", "1 again", "2 done"]);
});
