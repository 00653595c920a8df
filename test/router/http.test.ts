import { env, exports } from "cloudflare:workers";
import { describe, test } from "vitest";
import { createRouter } from "../../src/router/index.ts";
import worker from "../worker.ts";
import { ask, batch, count, post, request, upload, withEnv } from "../client.ts";
import { ledgerWhere } from "../faulty-ledger.ts";
import { takeAway } from "../faulty-database.ts";

function uploadAs(token: string): RequestInit {
  return upload(batch(), { Authorization: `Bearer ${token}` });
}

describe("a request without the right token", () => {
  test("is refused, with a challenge, and leaves no row", async ({ expect }) => {
    for (const headers of [
      {},
      { Authorization: "Bearer wrong" },
      { Authorization: "Basic dGVzdDp0ZXN0" },
    ]) {
      const response = await request("/batch-metrics", { ...upload(), headers });
      expect(response.status).toBe(401);
      expect(response.headers.get("WWW-Authenticate")).toMatch(/^Bearer realm="millrace"/);
      expect(await response.text()).toContain("Unauthorized");
    }
    expect(await count("batch_runs")).toBe(0);
  });

  test("is refused for its scope, by name", async ({ expect }) => {
    const response = await request("/batch-metrics", uploadAs("test-read-token"));
    expect(response.status).toBe(403);
    expect(response.headers.get("WWW-Authenticate")).toContain('scope="ingest"');
    expect(await response.json()).toMatchObject({ detail: "The token needs the scope ingest." });
    expect((await ask("/dead-letters", "read")).status).toBe(403);
    expect((await ask("/batch-metrics/x", "admin")).status).toBe(403);
  });

  test("is refused where no secret is configured", async ({ expect }) => {
    const { BATCH_METRICS_TOKEN: _, MILLRACE_TOKENS: __, ...bare } = env;
    const response = await worker.fetch(
      new Request("http://millrace.test/batch-metrics", upload()),
      bare,
    );
    expect(response.status).toBe(401);
  });

  test("is refused where the secret is not valid, and the other secret still works", async ({
    expect,
  }) => {
    const broken = { MILLRACE_TOKENS: '[{"name":"x"}]' };
    expect((await withEnv(broken, "/batch-metrics", upload())).status).toBe(201);
    const other = uploadAs("test-ingest-token");
    expect((await withEnv(broken, "/batch-metrics", other)).status).toBe(401);
  });
});

test("a token is rotated with no gap: the old one and the new one work side by side", async ({
  expect,
}) => {
  expect((await request("/batch-metrics", uploadAs("test-upload-token"))).status).toBe(201);
  expect((await request("/batch-metrics", uploadAs("test-ingest-token"))).status).toBe(201);
});

test("an address that is not there is a 404, and a method that is not there a 405 with Allow", async ({
  expect,
}) => {
  expect((await request("/nothing")).status).toBe(404);
  const response = await request("/batch-metrics", { method: "PUT" });
  expect([response.status, response.headers.get("Allow")]).toEqual([405, "POST, OPTIONS"]);
  const dead = await request("/dead-letters/batch-metrics/x", { method: "PATCH" });
  expect(dead.headers.get("Allow")).toBe("GET, HEAD, DELETE, OPTIONS");
  expect((await ask("/dead-letters//x", "admin")).status).toBe(404);
  // As it is routed, so it is refused.
  const slashes = await request("/batch-metrics//", { method: "PUT" });
  expect([slashes.status, slashes.headers.get("Allow")]).toEqual([405, "POST, OPTIONS"]);
});

test("every problem is problem+json with its own instance", async ({ expect }) => {
  const response = await request("/nothing");
  expect(response.headers.get("Content-Type")).toBe("application/problem+json");
  expect(await response.json()).toEqual({
    type: "urn:millrace:problem:not-found",
    title: "Not found",
    status: 404,
    detail: "There is nothing at this address.",
    instance: expect.stringMatching(/^urn:uuid:[0-9a-f-]{36}$/),
  });
});

test("a browser is told what it may send, on every answer", async ({ expect }) => {
  const preflight = await request("/batch-metrics", {
    method: "OPTIONS",
    headers: { Origin: "https://ci.example" },
  });
  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("Access-Control-Allow-Origin")).toBe("*");
  expect(preflight.headers.get("Access-Control-Allow-Methods")).toContain("POST");
  expect(preflight.headers.get("Access-Control-Allow-Headers")).toContain("Authorization");
  expect((await post({})).headers.get("Access-Control-Allow-Origin")).toBe("*");

  const own = await withEnv({ CORS_ORIGIN: "https://ci.example" }, "/healthz");
  expect(own.headers.get("Access-Control-Allow-Origin")).toBe("https://ci.example");
  expect(own.headers.get("Vary")).toBe("Origin");
});

test("health, description and front page need no token", async ({ expect }) => {
  const health = await request("/healthz");
  expect(await health.json()).toMatchObject({
    status: "ok",
    version: expect.stringMatching(/^\d+\.\d+\.\d+$/),
  });
  expect((await request("/")).status).toBe(200);
  const head = await request("/healthz", { method: "HEAD" });
  expect([head.status, await head.text()]).toEqual([200, ""]);

  const api = await (
    await request("/openapi.json")
  ).json<{ paths: object; components: { schemas: object } }>();
  expect(Object.keys(api.paths)).toContain("/batch-metrics/{batch_id}");
  expect(api.components.schemas).toMatchObject({
    "batch-metrics": { required: expect.arrayContaining(["batch_id", "ecosystem", "results"]) },
    executions: { properties: { records: { type: "array", minItems: 1 } } },
  });
});

test("a token that uploads too fast is told to wait", async ({ expect }) => {
  const limited = { UPLOAD_LIMIT: { limit: async () => ({ success: false }) } };
  const response = await withEnv(limited, "/batch-metrics", upload());
  expect([response.status, response.headers.get("Retry-After")]).toEqual([429, "10"]);
  expect(await count("batch_runs")).toBe(0);
});

test("a service that is configured wrongly takes nothing, and says to come back", async ({
  expect,
}) => {
  const response = await withEnv({ LEDGER_SHARDS: "many" }, "/batch-metrics", upload());
  expect([response.status, response.headers.get("Retry-After")]).toEqual([503, "60"]);
  expect((await withEnv({ SYNC_WAIT_SECONDS: "60" }, "/batch-metrics", upload())).status).toBe(503);
});

test("a number among the variables is as good as its text", async ({ expect }) => {
  const numbers = { LEDGER_SHARDS: 4, MAX_UPLOAD_BYTES: 1_000_000 };
  expect((await withEnv(numbers, "/batch-metrics", upload())).status).toBe(201);
  for (const LEDGER_SHARDS of [0, 1.5, -1, 1e21, Number.NaN]) {
    const answer = await withEnv({ LEDGER_SHARDS }, "/batch-metrics", upload());
    expect([LEDGER_SHARDS, answer.status]).toEqual([LEDGER_SHARDS, 503]);
  }
});

test.for([
  [32 * 1024 * 1024, 201],
  [32 * 1024 * 1024 + 1, 503],
])(
  "an isolate of 128 MB, which holds each byte three times, may hold 32 MiB of uploads: %i",
  async ([bytes, status], { expect }) => {
    const settings = { UPLOADS_IN_MEMORY_BYTES: String(bytes) };
    expect((await withEnv(settings, "/batch-metrics", upload())).status).toBe(status);
  },
);

test("while the database does not answer, who asks for a written batch is told to ask again", async ({
  expect,
}) => {
  await post(batch());
  await takeAway();
  const response = await ask("/batch-metrics/run-1");
  expect([response.status, response.headers.get("Retry-After")]).toEqual([503, "5"]);
  expect((await post(batch())).status).toBe(201);
});

test("the unexpected is answered as internal, without its message", async ({ expect }) => {
  const failing = createRouter(
    [],
    [
      {
        method: "GET",
        path: "/fails",
        scopes: [],
        summary: "",
        handle() {
          throw new Error("a secret of the machine");
        },
      },
    ],
  );
  const response = await failing(new Request("http://millrace.test/fails"), env);
  expect(response.status).toBe(500);
  expect(await response.text()).not.toContain("secret");
});

test("a call of the ledger that may be repeated is made once more", async ({ expect }) => {
  let calls = 0;
  const LEDGER = ledgerWhere("accept", async (accept) => {
    calls += 1;
    if (calls === 1) throw Object.assign(new Error("Durable Object reset"), { retryable: true });
    return accept();
  });
  expect((await withEnv({ LEDGER }, "/batch-metrics", upload())).status).toBe(201);
  expect(calls).toBe(2);
});

test("a ledger that is overloaded is left alone: 503 with Retry-After", async ({ expect }) => {
  let calls = 0;
  const LEDGER = ledgerWhere("accept", async () => {
    calls += 1;
    throw Object.assign(new Error("overloaded"), { retryable: true, overloaded: true });
  });
  const response = await withEnv({ LEDGER }, "/batch-metrics", upload());
  expect([response.status, response.headers.get("Retry-After"), calls]).toEqual([503, "5", 1]);
});

test("a curl client that looks for 201 and batch_run_id works as it is", async ({ expect }) => {
  const response = await exports.default.fetch("http://millrace.test/batch-metrics", upload());
  const body = await response.text();
  expect(`${response.status} ${/"batch_run_id":(\d+)/.exec(body)?.[1]}`).toBe("201 1");
});
