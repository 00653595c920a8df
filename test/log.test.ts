import { env } from "cloudflare:workers";
import { afterEach, beforeEach, test, vi } from "vitest";
import { shardOf } from "../src/durable/shards.ts";
import { keyOf } from "../src/queue/ticket.ts";
import { batch, post, request, result, untilStatus } from "./client.ts";
import { poison } from "./faulty-database.ts";
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
    expect.objectContaining({ ...common, event: "batch.written", attempt: 1 }),
  );
});

test("a batch that dies is an error in the log, and a ticket that comes again writes none", async ({
  expect,
}) => {
  await post(batch());
  const named = { stream: "batch-metrics", batch_id: "run-1" };
  const ticket = { ...named, shard: shardOf(env, keyOf(named)), bytes: 200, replays: 0 };
  await env.QUEUE.send({ tickets: [ticket] });
  await poison();
  await post(batch({ batch_id: "dies", results: [result({ recipe_name: "poison" })] }));
  const of = (name: string) => events().filter(({ event }) => event === name);
  await expect.poll(() => of("ticket.passed-over")).not.toEqual([]);
  expect(of("batch.written")).toHaveLength(1);
  expect(of("ticket.passed-over")).toMatchObject([{ batch_id: "run-1", state: "written" }]);
  expect(of("batch.dead")).toMatchObject([
    { level: "error", batch_id: "dies", reason: expect.stringContaining("poisoned"), attempt: 1 },
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

test("with no secret configured the log says why every request is refused", async ({ expect }) => {
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
