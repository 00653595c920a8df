import { createMessageBatch } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, test, vi } from "vitest";
import { shardOf } from "../src/durable/shards.ts";
import { keyOf } from "../src/queue/ticket.ts";
import { ASYNC, batch, post, request, result, untilStatus } from "./client.ts";
import { faults } from "./faults.ts";
import { poison, takeAway } from "./faulty-database.ts";
import worker from "./worker.ts";

const lines: string[] = [];

beforeEach(() => {
  lines.length = 0;
  const keep = (line: unknown) => void lines.push(String(line));
  vi.spyOn(console, "log").mockImplementation(keep);
  vi.spyOn(console, "error").mockImplementation(keep);
  vi.spyOn(console, "warn").mockImplementation(keep);
});
afterEach(() => vi.restoreAllMocks());

function events(): Record<string, unknown>[] {
  return lines.map((line) => JSON.parse(line));
}

test("an upload leaves one JSON line an event, with its batch, outcome, attempt and duration", async ({
  expect,
}) => {
  await post(batch());
  await post(batch());
  const received = events().filter(({ event }) => event === "upload.received");
  const common = { stream: "batch-metrics", batch_id: "run-1", duration_ms: expect.any(Number) };
  expect(received).toMatchObject([
    { ...common, outcome: "accepted", state: "written", token: "BATCH_METRICS_TOKEN" },
    { ...common, outcome: "duplicate", state: "written" },
  ]);
  expect(events()).toContainEqual(
    expect.objectContaining({ ...common, event: "batches.written", batches: 1, attempt: 1 }),
  );
});

test("a batch that dies is an error in the log, and a ticket that comes again writes none", async ({
  expect,
}) => {
  await post(batch());
  const named = { stream: "batch-metrics", batch_id: "run-1" };
  const ticket = {
    ...named,
    shard: shardOf(env, keyOf(named)),
    bytes: 200,
    replays: 0,
    accepted_at: 0,
  };
  await env.QUEUE.send({ tickets: [ticket] });
  await poison();
  await post(batch({ batch_id: "dies", results: [result({ recipe_name: "poison" })] }));
  const of = (name: string) => events().filter(({ event }) => event === name);
  await expect.poll(() => of("tickets.passed-over")).not.toEqual([]);
  expect(of("batches.written")).toHaveLength(1);
  expect(of("tickets.passed-over")).toMatchObject([{ batch_id: "run-1", state: "written" }]);
  expect(of("batches.dead")).toMatchObject([
    { level: "error", batch_id: "dies", reason: expect.stringContaining("poisoned"), attempt: 1 },
  ]);
});

test("batches that fare alike share a line, so that none of a dead one is cut off", async ({
  expect,
}) => {
  faults.queue = "loses";
  await poison();
  const ids = Array.from({ length: 200 }, (_, index) => `run-${index}`)
    .filter((id) => shardOf(env, `batch-metrics/${id}`) === 0)
    .slice(0, 9);
  const [dies, ...good] = ids.toReversed();
  const poisoned = batch({ batch_id: dies, results: [result({ recipe_name: "poison" })] });
  for (const batch_id of good) await post(batch({ batch_id }), ASYNC);
  await post(poisoned, ASYNC);
  const ticket = { stream: "batch-metrics", shard: 0, bytes: 200, replays: 0, accepted_at: 0 };
  const tickets = ids.map((batch_id) => ({ ...ticket, batch_id }));
  const message = { id: "1", attempts: 3, timestamp: new Date(), body: { tickets } };
  const consume = () => worker.queue(createMessageBatch("millrace-batches", [message]), env);
  const of = (name: string) => events().filter(({ event }) => event === name);

  const bringBack = await takeAway();
  await consume();
  const common = { stream: "batch-metrics", shard: 0, attempt: 3, duration_ms: expect.any(Number) };
  const reason = expect.stringContaining("no such table");
  expect(of("batches.retried")).toMatchObject([{ ...common, batches: 9, reason }]);
  await bringBack();
  await consume();
  expect(of("batches.written")).toMatchObject([{ ...common, batches: 8 }]);
  expect(of("batches.written")[0]).not.toHaveProperty("batch_id");
  expect(of("batches.dead")).toMatchObject([{ ...common, batch_id: dies }]);
  await consume();
  expect(of("tickets.passed-over")).toMatchObject([
    { batches: 8, state: "written" },
    { batch_id: dies, state: "dead" },
  ]);
});

test("a request leaves one line, whatever it asks for", async ({ expect }) => {
  await post(batch());
  await request("/healthz");
  await post("{");
  const requests = events().filter(({ request_id }) => request_id !== undefined);
  const expected = [
    { event: "upload.received", method: "POST", path: "/batch-metrics", status: 201 },
    { event: "http.request", method: "GET", path: "/healthz", status: 200 },
    { event: "http.request", method: "POST", path: "/batch-metrics", status: 400 },
  ];
  expect(requests).toMatchObject(expected);
  expect(new Set(requests.map(({ request_id }) => request_id)).size).toBe(3);
});

test("no body and no token is in any line, whatever becomes of the upload", async ({ expect }) => {
  await poison();
  const secret = { error_message: "SENSITIVE", platform: "SENSITIVE" };
  await post(batch({ batch_id: "good", results: [result(secret)] }));
  await post(batch({ batch_id: "dies", results: [result({ ...secret, recipe_name: "poison" })] }));
  await untilStatus("dead", "/batch-metrics/dies");
  await post(batch({ batch_id: "good", results: [result({ ...secret, platform: "other" })] }));
  await post('{"batch_id": SENSITIVE');
  await post(batch({ ecosystem: { SENSITIVE: 1 } }));
  await post(batch(), { headers: { Authorization: "Bearer SENSITIVE" } });
  await post(batch(), { headers: { "Content-Encoding": "SENSITIVE" } });
  expect(lines.length).toBeGreaterThan(8);
  for (const line of lines) expect(line).not.toMatch(/SENSITIVE|test-upload-token/);
});

test("with no secret configured the log says why every upload is refused", async ({ expect }) => {
  const { BATCH_METRICS_TOKEN: _, MILLRACE_TOKENS: __, ...bare } = env;
  await worker.fetch(new Request("http://millrace.test/dead-letters"), bare);
  const headers = { Authorization: "Bearer x" };
  await worker.fetch(new Request("http://millrace.test/dead-letters", { headers }), bare);
  expect(events()).toContainEqual(
    expect.objectContaining({
      level: "error",
      event: "auth.no-tokens",
      reason: expect.stringContaining("MILLRACE_TOKENS"),
    }),
  );
});

test("a problem's instance leads to its line in the log", async ({ expect }) => {
  const { instance } = await (await request("/nothing")).json<{ instance: string }>();
  const line = events().find(({ event }) => event === "http.request");
  expect(instance).toBe(`urn:uuid:${String(line?.["request_id"])}`);
  expect(line).toMatchObject({ method: "GET", path: "/nothing", status: 404 });
});
