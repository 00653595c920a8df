import { env, exports } from "cloudflare:workers";
import { expect } from "vitest";
import { shardName } from "../src/durable/shard-name.ts";
import { shardOf } from "../src/durable/shards.ts";
import worker from "./worker.ts";

/** For `post`: answer at once. */
export const ASYNC = { headers: { Prefer: "respond-async" } };

/** Yesterday, so that retention takes nothing that a test did not mean it to. */
const STARTED_AT = new Date(Date.now() - 24 * 60 * 60 * 1000).toISOString();

/** A recipe's result, with overrides. */
export function result(overrides: object = {}): object {
  return { recipe_name: "node", ecosystem: "homebrew", result: "passed", ...overrides };
}

/** A valid batch of one result, with overrides. */
export function batch(overrides: Record<string, unknown> = {}) {
  return {
    batch_id: "run-1",
    ecosystem: "homebrew",
    started_at: STARTED_AT,
    total_recipes: 1,
    results: [result()],
    ...overrides,
  };
}

/** An execution record, with overrides. */
export function execution(overrides: object = {}): object {
  return { repo: "org/repo", event_type: "review", model: "m-1", conclusion: "ok", ...overrides };
}

/** The service itself, as the world sees it. */
export function request(path: string, init: RequestInit = {}): Promise<Response> {
  return exports.default.fetch(`http://millrace.test${path}`, init);
}

/** The service with other variables or bindings; its ledger and databases stay the real ones. */
export function withEnv(
  overrides: Partial<Env>,
  path: string,
  init: RequestInit = {},
): Promise<Response> {
  return worker.fetch(new Request(`http://millrace.test${path}`, init), { ...env, ...overrides });
}

/** A POST of a batch with the upload token; text and bytes go as they are. */
export function upload(body: unknown = batch(), headers: object = {}): RequestInit {
  const raw =
    typeof body === "string" || body instanceof Uint8Array || body instanceof ReadableStream;
  return {
    method: "POST",
    headers: {
      Authorization: "Bearer test-upload-token",
      "Content-Type": "application/json",
      ...headers,
    },
    body: raw ? body : JSON.stringify(body),
  };
}

/** Posts a batch with the upload token. */
export function post(
  body: unknown,
  { path = "/batch-metrics", headers = {} }: { path?: string; headers?: object } = {},
): Promise<Response> {
  return request(path, upload(body, headers));
}

/** Asks with the token of a scope. */
export function ask(path: string, scope = "read", init: RequestInit = {}): Promise<Response> {
  const headers = {
    Authorization: `Bearer test-${scope}-token`,
    "Content-Type": "application/json",
  };
  return request(path, { ...init, headers });
}

/** Operates with the admin token: `admin("POST /dead-letters/replay", {…})`. */
export function admin(line: string, body?: object): Promise<Response> {
  const [method = "GET", path = "/"] = line.split(" ");
  return ask(path, "admin", { method, ...(body && { body: JSON.stringify(body) }) });
}

/** The ledger shard that a batch of `batch-metrics` lives in. */
export function shardFor(batch_id: string) {
  return env.LEDGER.getByName(shardName(shardOf(env, `batch-metrics/${batch_id}`)));
}

/** The rows of a query on the test's database. */
export async function rows<Row = Record<string, unknown>>(
  text: string,
  ...parameters: unknown[]
): Promise<Row[]> {
  const statement = env.DB.prepare(text).bind(...parameters);
  return (await statement.all<Row>()).results;
}

/** How many rows a table has. */
export async function count(table: string): Promise<number> {
  const [row] = await rows<{ n: number }>(`SELECT count(*) AS n FROM ${table}`);
  return row?.n ?? 0;
}

/** Waits until a batch is in this state, and returns its status. */
export async function untilStatus(
  status: string,
  path = "/batch-metrics/run-1",
): Promise<Record<string, unknown>> {
  let body: Record<string, unknown> = {};
  const read = async () => (body = await (await ask(path)).json());
  await expect.poll(read).toMatchObject({ status });
  return body;
}

/** The text, compressed. */
export async function gzip(text: string): Promise<Uint8Array> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
