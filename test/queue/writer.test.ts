import { createExecutionContext, createMessageBatch, getQueueResult } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { test } from "vitest";
import { shardOf } from "../../src/durable/shards.ts";
import { CULPRIT_ATTEMPTS, GROUP_BYTES } from "../../src/limits.ts";
import { messagesOf, type Ticket, type TicketMessage } from "../../src/queue/ticket.ts";
import {
  ask,
  ASYNC,
  batch,
  count,
  execution,
  post,
  rows,
  shardFor,
  untilStatus,
} from "../client.ts";
import { faults } from "../faults.ts";
import { poison, takeAway } from "../faulty-database.ts";
import { ledgerWhere } from "../faulty-ledger.ts";
import { createService } from "../../src/index.ts";
import { STREAMS } from "../../src/streams/index.ts";
import worker, { notices, notified } from "../worker.ts";

/** A message as the queue delivers it. */
function message(id: string, body: unknown, attempts = 1) {
  return { id, attempts, timestamp: new Date(), body };
}

function ticketOf(batch_id: string, overrides: Partial<Ticket> = {}): Ticket {
  const stream = "batch-metrics";
  const shard = shardOf(env, `${stream}/${batch_id}`);
  return { stream, batch_id, shard, bytes: 200, replays: 0, accepted_at: 0, ...overrides };
}

/** What a message holds that has the ticket of one batch. */
function ticket(batch_id: string, overrides: Partial<Ticket> = {}): TicketMessage {
  return { tickets: [ticketOf(batch_id, overrides)] };
}

async function deliver(
  messages: ReturnType<typeof message>[],
  overrides: Partial<Env> = {},
  service = worker,
) {
  const delivery = createMessageBatch("millrace-batches", messages);
  await service.queue(delivery, { ...env, ...overrides });
  return getQueueResult(delivery, createExecutionContext());
}

test("a ticket that comes again after its batch is written changes nothing", async ({ expect }) => {
  await post(batch());
  const result = await deliver([message("1", ticket("run-1")), message("2", ticket("run-1"), 3)]);
  expect(result.explicitAcks).toEqual(["1", "2"]);
  expect([await count("batch_runs"), await count("recipe_results")]).toEqual([1, 1]);
});

test("a ticket for a batch that the ledger has forgotten is let go", async ({ expect }) => {
  const result = await deliver([message("1", ticket("gone"))]);
  expect([result.explicitAcks, result.retryMessages]).toEqual([["1"], []]);
});

test("what is no ticket is let go, and does not hold up what is", async ({ expect }) => {
  await post(batch());
  const result = await deliver([
    message("1", "not a ticket"),
    message("2", null),
    message("3", { stream: "batch-metrics" }),
    message("4", ticket("run-1")),
  ]);
  expect(result.explicitAcks).toEqual(["1", "2", "3", "4"]);
});

test("a ticket of a later version, with a field more, is understood", async ({ expect }) => {
  await post(batch());
  const later = { tickets: [{ ...ticketOf("run-1"), priority: "high" }], sent_at: 1 };
  const result = await deliver([message("1", later)]);
  expect(result.explicitAcks).toEqual(["1"]);
});

test("a message with several tickets is done with when the last of its batches is", async ({
  expect,
}) => {
  await post(batch({ batch_id: "written" }));
  await post(batch({ batch_id: "pending" }), ASYNC);
  const tickets = [ticketOf("written"), ticketOf("pending"), ticketOf("gone")];
  const result = await deliver([message("1", { tickets }), message("2", ticket("gone"))]);
  expect(result.explicitAcks.toSorted()).toEqual(["1", "2"]);
  await untilStatus("written", "/batch-metrics/pending");
});

test("a message comes again when one of its batches has to, and the others are written once", async ({
  expect,
}) => {
  faults.queue = "loses";
  await takeAway("executions");
  const upload = { batch_id: "waits", records: [execution()] };
  await post(upload, { path: "/executions", ...ASYNC });
  await post(batch({ batch_id: "good" }), ASYNC);
  const shard = shardOf(env, "executions/waits");
  const both = [ticketOf("waits", { stream: "executions", shard }), ticketOf("good")];
  // Whichever of them is done with first.
  for (const tickets of [both, both.toReversed()]) {
    const outcome = await deliver([message("1", { tickets }), message("2", ticket("good"))]);
    expect(outcome.retryMessages.map(({ msgId }) => msgId)).toEqual(["1"]);
    expect(outcome.explicitAcks).toEqual(["2"]);
  }
  expect(await rows("SELECT batch_id FROM batch_runs")).toEqual([{ batch_id: "good" }]);
});

test("tickets share a message up to the bytes that one group may write", ({ expect }) => {
  const sizes = (bytes: number[]) =>
    messagesOf(bytes.map((size) => ticketOf("run-1", { bytes: size }))).map(({ tickets }) =>
      tickets.map((one) => one.bytes),
    );
  const half = GROUP_BYTES / 2;
  expect(sizes([10, 20, 30])).toEqual([[10, 20, 30]]);
  expect(sizes([half, half, 1])).toEqual([[half, half], [1]]);
  expect(sizes([GROUP_BYTES * 2, 1, GROUP_BYTES, 1])).toEqual([
    [GROUP_BYTES * 2],
    [1],
    [GROUP_BYTES],
    [1],
  ]);
  expect(sizes([])).toEqual([]);
});

test("when the ledger does not answer, the messages come again", async ({ expect }) => {
  const LEDGER = ledgerWhere("claim", async () => {
    throw new Error("Network connection lost");
  });
  const result = await deliver([message("1", ticket("run-1"))], { LEDGER });
  expect([result.explicitAcks, result.retryMessages.map(({ msgId }) => msgId)]).toEqual([
    [],
    ["1"],
  ]);
});

test("when the outcome cannot be settled, the message comes again and nothing is written twice", async ({
  expect,
}) => {
  // No ticket but those delivered here.
  faults.queue = "loses";
  await post(batch(), ASYNC);
  const LEDGER = ledgerWhere("settle", async () => {
    throw new Error("Network connection lost");
  });
  const result = await deliver([message("1", ticket("run-1"))], { LEDGER });
  expect(result.retryMessages.map(({ msgId }) => msgId)).toEqual(["1"]);
  expect(await count("batch_runs")).toBe(1);
  expect(await shardFor("run-1").status("batch-metrics/run-1")).toMatchObject({ state: "pending" });

  const again = await deliver([message("1", ticket("run-1"), 2)]);
  expect(again.explicitAcks).toEqual(["1"]);
  await untilStatus("written");
  expect([await count("batch_runs"), await count("recipe_results")]).toEqual([1, 1]);
});

test("a batch that fails by itself in a way nobody knows is dead after its own attempts, however young its message is", async ({
  expect,
}) => {
  await rows(`
    CREATE TRIGGER odd BEFORE INSERT ON recipe_results
    BEGIN SELECT no_such_function(); END`);
  faults.queue = "loses";
  await post(batch(), ASYNC);
  for (let attempt = 1; attempt < CULPRIT_ATTEMPTS; attempt++) {
    const { retryMessages } = await deliver([message("1", ticket("run-1"))]);
    expect(retryMessages).toHaveLength(1);
  }
  const last = await deliver([message("1", ticket("run-1"))]);
  expect(last.explicitAcks).toEqual(["1"]);
  expect(await (await ask("/batch-metrics/run-1")).json()).toMatchObject({
    status: "dead",
    attempts: CULPRIT_ATTEMPTS,
    reason: expect.stringContaining("no such function"),
  });
});

test("what the writer finds out while a batch is replayed does not undo the replay", async ({
  expect,
}) => {
  faults.queue = "loses";
  await post(batch(), ASYNC);
  await poison("node");
  const key = "batch-metrics/run-1";
  const shard = shardFor("run-1");
  const LEDGER = ledgerWhere("settle", async (settle) => {
    const row = await shard.status(key);
    await shard.bury([{ key, replays: 0, accepted_at: row?.accepted_at ?? 0 }]);
    await shard.replay(key);
    await settle();
  });
  const result = await deliver([message("1", ticket("run-1"))], { LEDGER });
  expect(result.explicitAcks).toEqual(["1"]);
  expect(await shard.status(key)).toMatchObject({ state: "pending", replays: 1 });

  await deliver([message("2", ticket("run-1"))]);
  expect(await shard.status(key)).toMatchObject({ state: "dead", replays: 1 });
});

test("without a database the batch is not lost: it is tried again", async ({ expect }) => {
  faults.queue = "loses";
  await post(batch(), ASYNC);
  const { DB: _, ...rest } = env;
  const delivery = createMessageBatch("millrace-batches", [message("1", ticket("run-1"))]);
  await worker.queue(delivery, rest);
  const result = await getQueueResult(delivery, createExecutionContext());
  expect(result.retryMessages).toHaveLength(1);
});

test("a stream that cannot be opened comes again, and holds up no other", async ({ expect }) => {
  const broken = {
    ...notices,
    init() {
      throw new Error("NOTICES_URL is missing");
    },
  };
  faults.queue = "loses";
  await post({ batch_id: "n-1", lines: [] }, { path: "/notices", ...ASYNC });
  await post(batch(), ASYNC);
  const shard = shardOf(env, "notices/n-1");
  const messages = [
    message("1", ticket("n-1", { stream: "notices", shard })),
    message("2", ticket("run-1")),
  ];
  const outcome = await deliver(messages, {}, createService([...STREAMS, broken]));
  expect(outcome.explicitAcks).toEqual(["2"]);
  expect(outcome.retryMessages.map(({ msgId }) => msgId)).toEqual(["1"]);
  expect(await count("batch_runs")).toBe(1);
  expect(await (await ask("/notices/n-1")).json()).toMatchObject({
    attempts: 1,
    last_error: 'stream "notices" cannot be opened: NOTICES_URL is missing',
  });
});

test("a stream without SQL is written to its sink, and no database is asked", async ({
  expect,
}) => {
  const response = await post({ batch_id: "n-1", lines: [{ line: "a" }] }, { path: "/notices" });
  expect(response.status).toBe(201);
  expect(await response.json()).toEqual({
    batch_id: "n-1",
    status: "written",
    batch_run_id: null,
    lines: 1,
  });
  expect(notified).toEqual(["n-1"]);
});

test("a stream that was added with a file, a line and a migration works like the others", async ({
  expect,
}) => {
  const path = "/deployments";
  const upload = { batch_id: "d-1", service: "api", steps: [{ step: "build" }, { step: "ship" }] };
  expect((await post(upload, { path })).status).toBe(201);
  expect((await post(upload, { path })).headers.get("Idempotent-Replayed")).toBe("true");
  expect((await post({ ...upload, service: "web" }, { path })).status).toBe(409);
  expect(await rows("SELECT deployment_id, step FROM deployment_steps ORDER BY id")).toEqual([
    { deployment_id: 1, step: "build" },
    { deployment_id: 1, step: "ship" },
  ]);
});

test("streams that are delivered together are written each to its own tables", async ({
  expect,
}) => {
  const answers = await Promise.all([
    post(batch()),
    post({ batch_id: "e-1", records: [execution()] }, { path: "/executions" }),
  ]);
  expect(answers.map(({ status }) => status)).toEqual([201, 201]);
  expect([await count("recipe_results"), await count("executions")]).toEqual([1, 1]);
});
