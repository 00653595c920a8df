import { describe, test } from "vitest";
import {
  ask,
  ASYNC,
  batch,
  count,
  execution,
  gzip,
  post,
  result,
  rows,
  untilStatus,
} from "../client.ts";

describe("a batch", () => {
  test("is written, and answered with its run and where it is", async ({ expect }) => {
    const response = await post(batch());
    expect(response.status).toBe(201);
    expect(response.headers.get("Location")).toBe("/batch-metrics/run-1");
    expect(response.headers.get("Idempotent-Replayed")).toBeNull();
    expect(await response.json()).toEqual({
      batch_id: "run-1",
      status: "written",
      batch_run_id: 1,
      results: 1,
    });
  });

  test("comes out of D1 as it was sent, with times in UTC and computed counts", async ({
    expect,
  }) => {
    const sent = batch({
      started_at: "2026-11-01T12:00:00.250+02:00",
      completed_at: "2026-11-01T10:30:00Z",
      total_recipes: 3,
      macos_minutes: 1.5,
      results: [
        result({ platform: "linux", duration_seconds: 0.25 }),
        result({
          recipe_name: "gh",
          result: "failed",
          error_category: "timeout",
          error_message: "é\n🙂",
        }),
        result({ recipe_name: "jq", result: "skipped" }),
      ],
    });
    expect((await post(sent)).status).toBe(201);
    const [run] = await rows("SELECT * FROM batch_runs");
    expect(run).toMatchObject({
      batch_id: "run-1",
      ecosystem: "homebrew",
      started_at: "2026-11-01T10:00:00.250Z",
      completed_at: "2026-11-01T10:30:00Z",
      total_recipes: 3,
      passed: 1,
      failed: 1,
      skipped: 1,
      success_rate: 1 / 3,
      macos_minutes: 1.5,
      linux_minutes: null,
      row_count: 3,
    });
    expect(await rows("SELECT * FROM recipe_results ORDER BY id")).toMatchObject([
      {
        batch_run_id: 1,
        recipe_name: "node",
        platform: "linux",
        result: "passed",
        duration_seconds: 0.25,
      },
      { recipe_name: "gh", result: "failed", error_category: "timeout", error_message: "é\n🙂" },
      { recipe_name: "jq", result: "skipped", error_message: null, duration_seconds: null },
    ]);
  });

  test("keeps the counts and the rate that it brings", async ({ expect }) => {
    await post(batch({ total_recipes: 10, passed: 7, failed: 2, skipped: 1, success_rate: 0.5 }));
    const [run] = await rows("SELECT passed, failed, skipped, success_rate FROM batch_runs");
    expect(run).toEqual({ passed: 7, failed: 2, skipped: 1, success_rate: 0.5 });
  });

  test("without results has the rate of its counts, or none where nothing ran", async ({
    expect,
  }) => {
    await post(batch({ total_recipes: 4, passed: 3, results: [] }));
    await post(batch({ batch_id: "run-2", total_recipes: 0, results: [] }));
    expect(await rows("SELECT success_rate FROM batch_runs ORDER BY id")).toEqual([
      { success_rate: 0.75 },
      { success_rate: null },
    ]);
    expect(await count("recipe_results")).toBe(0);
  });

  test("may be gzipped", async ({ expect }) => {
    const response = await post(await gzip(JSON.stringify(batch())), {
      headers: { "Content-Encoding": "gzip" },
    });
    expect(response.status).toBe(201);
  });

  test("of 50,000 results and over 2 MB is written whole, gzipped or plain", async ({ expect }) => {
    const large = (batch_id: string) =>
      JSON.stringify(
        batch({
          batch_id,
          total_recipes: 50_000,
          results: Array.from({ length: 50_000 }, (_, index) =>
            result({ recipe_name: `recipe-${index}` }),
          ),
        }),
      );
    expect(large("plain").length).toBeGreaterThan(2_000_000);
    const answers = [
      await post(large("plain"), { headers: { Prefer: "wait=25" } }),
      await post(await gzip(large("zipped")), {
        headers: { Prefer: "wait=25", "Content-Encoding": "gzip" },
      }),
    ];
    expect(answers.map((answer) => answer.status)).toEqual([201, 201]);
    expect(await answers[0]?.json()).toMatchObject({ results: 50_000 });
    const counted = `SELECT count(*) AS n, count(DISTINCT recipe_name) AS names FROM recipe_results GROUP BY batch_run_id`;
    expect(await rows(counted)).toEqual([
      { n: 50_000, names: 50_000 },
      { n: 50_000, names: 50_000 },
    ]);
  });

  test("has its over-long error messages cut, visibly and between characters", async ({
    expect,
  }) => {
    await post(batch({ results: [result({ error_message: `${"x".repeat(15_999)}🙂tail` })] }));
    const [row] = await rows<{ error_message: string }>("SELECT error_message FROM recipe_results");
    expect(row?.error_message).toMatch(/^x{15999}\uFFFD… \[5 more characters cut\]$/);
  });
});

describe("posting again", () => {
  test("gives the same answer and says that it is a replay", async ({ expect }) => {
    const first = await post(batch());
    const second = await post(batch());
    expect([second.status, second.headers.get("Idempotent-Replayed")]).toEqual([201, "true"]);
    expect(second.headers.get("Location")).toBe(first.headers.get("Location"));
    expect(await second.json()).toEqual(await first.json());
    expect([await count("batch_runs"), await count("recipe_results")]).toEqual([1, 1]);
  });

  test("is the same batch in whatever white space, key order, compression and offset", async ({
    expect,
  }) => {
    await post(batch({ started_at: "2026-11-01T10:00:00Z" }));
    const { batch_id, ...rest } = batch({
      started_at: "2026-11-01T11:00:00+01:00",
      completed_at: null,
    });
    const shuffled = JSON.stringify({ ...rest, batch_id }, null, 4);
    const answer = await post(await gzip(shuffled), { headers: { "Content-Encoding": "gzip" } });
    expect([answer.status, answer.headers.get("Idempotent-Replayed")]).toEqual([201, "true"]);
  });

  test("with other content is a conflict and changes nothing", async ({ expect }) => {
    await post(batch());
    const answer = await post(batch({ total_recipes: 2 }));
    expect(answer.status).toBe(409);
    expect(await answer.json()).toMatchObject({
      type: "urn:millrace:problem:batch-conflict",
      status: 409,
    });
    expect(await rows("SELECT total_recipes FROM batch_runs")).toEqual([{ total_recipes: 1 }]);
  });

  test("fifty times at once writes one run", async ({ expect }) => {
    const answers = await Promise.all(Array.from({ length: 50 }, () => post(batch())));
    const bodies = await Promise.all(answers.map((answer) => answer.json()));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([201]));
    expect(new Set(bodies.map((body) => JSON.stringify(body))).size).toBe(1);
    expect(answers.filter((answer) => !answer.headers.has("Idempotent-Replayed"))).toHaveLength(1);
    expect([await count("batch_runs"), await count("recipe_results")]).toEqual([1, 1]);
  });

  test("under one batch_id in two streams makes two batches", async ({ expect }) => {
    await post(batch());
    const other = await post(
      { batch_id: "run-1", records: [execution()] },
      { path: "/executions" },
    );
    expect([other.status, other.headers.get("Idempotent-Replayed")]).toEqual([201, null]);
  });
});

describe("Prefer", () => {
  test("respond-async is answered at once, and the batch is written all the same", async ({
    expect,
  }) => {
    const response = await post(batch(), ASYNC);
    expect(response.status).toBe(202);
    expect(response.headers.get("Preference-Applied")).toBe("respond-async");
    expect(response.headers.get("Retry-After")).toBe("1");
    expect(response.headers.get("Location")).toBe("/batch-metrics/run-1");
    expect(await response.json()).toEqual({ batch_id: "run-1", status: "pending" });
    await untilStatus("written");
  });

  test("wait=N waits for the write, and is held to 25 seconds", async ({ expect }) => {
    const response = await post(batch(), { headers: { Prefer: "wait=100" } });
    expect([response.status, response.headers.get("Preference-Applied")]).toEqual([201, "wait=25"]);
  });

  test("wait=0 does not wait, and a preference that is not understood is ignored", async ({
    expect,
  }) => {
    expect((await post(batch(), { headers: { Prefer: "wait=0" } })).status).toBe(202);
    const other = await post(batch({ batch_id: "run-2" }), {
      headers: { Prefer: 'handling=strict, wait=soon, note="a, wait=0, b"' },
    });
    expect([other.status, other.headers.get("Preference-Applied")]).toEqual([201, null]);
  });
});

describe("executions", () => {
  const path = "/executions";

  test("are written with their defaults, at the time they were accepted", async ({ expect }) => {
    const response = await post(
      { batch_id: "e-1", records: [execution(), execution({ cost_usd: 0.25 })] },
      { path },
    );
    expect(response.status).toBe(201);
    expect(await response.json()).toEqual({
      batch_id: "e-1",
      status: "written",
      batch_run_id: 1,
      records: 2,
    });
    const stored = await rows("SELECT * FROM executions ORDER BY id");
    expect(stored).toMatchObject([
      { repo: "org/repo", provider: "anthropic", input_tokens: 0, duration_ms: 0, cost_usd: 0 },
      { cost_usd: 0.25, pr_number: null },
    ]);
    const [upload] = await rows("SELECT accepted_at FROM execution_uploads");
    expect(stored[0]?.["created_at"]).toBe(upload?.["accepted_at"]);
  });

  test("posted twice are one upload, although created_at was left to the service", async ({
    expect,
  }) => {
    const upload = { batch_id: "e-1", records: [execution()] };
    await post(upload, { path });
    expect((await post(upload, { path })).headers.get("Idempotent-Replayed")).toBe("true");
    const nulls = { provider: null, input_tokens: null, cost_usd: null, created_at: null };
    const spelled = { ...upload, records: [execution(nulls)] };
    expect((await post(spelled, { path })).headers.get("Idempotent-Replayed")).toBe("true");
    expect(await count("executions")).toBe(1);
  });

  test("keep a created_at that they bring", async ({ expect }) => {
    await post(
      { batch_id: "e-1", records: [execution({ created_at: "2026-01-01T01:00:00+01:00" })] },
      { path },
    );
    expect(await rows("SELECT created_at FROM executions")).toEqual([
      { created_at: "2026-01-01T00:00:00Z" },
    ]);
  });

  test("need at least one record", async ({ expect }) => {
    const response = await post({ batch_id: "e-1", records: [] }, { path });
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ detail: "records must have at least 1 entries" });
  });
});

describe("GET a batch", () => {
  test("that is written has its run", async ({ expect }) => {
    await post(batch());
    const response = await ask("/batch-metrics/run-1");
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({
      batch_id: "run-1",
      status: "written",
      batch_run_id: 1,
      results: 1,
      run: { ecosystem: "homebrew", total_recipes: 1, passed: 1, success_rate: 1 },
    });
  });

  test("of executions has the count of its records", async ({ expect }) => {
    await post({ batch_id: "e:1", records: [execution()] }, { path: "/executions" });
    const response = await ask("/executions/e%3A1", "ingest");
    expect(await response.json()).toMatchObject({ status: "written", records: 1, run: {} });
  });

  test("that nobody posted is not found", async ({ expect }) => {
    const response = await ask("/batch-metrics/nobody");
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({
      detail: "No batch nobody is known in batch-metrics.",
    });
  });

  test("that was written and then deleted by retention is still known as written", async ({
    expect,
  }) => {
    await post(batch());
    await rows("DELETE FROM recipe_results");
    await rows("DELETE FROM batch_runs");
    expect(await (await ask("/batch-metrics/run-1")).json()).toMatchObject({
      status: "written",
      run: null,
    });
  });
});
