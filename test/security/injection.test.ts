import { describe, test } from "vitest";
import { ask, batch, count, execution, post, request, result, rows } from "../client.ts";

const SQL = [
  "'; DROP TABLE batch_runs; --",
  '"; DELETE FROM recipe_results; --',
  "1' OR '1'='1",
  "\\'; UPDATE batch_runs SET passed = 9; --",
  "$.run.ecosystem",
  '","recipe_name":"other',
];

describe.for(SQL)("the text %j", (text) => {
  test("is stored as it is in every field of a batch", async ({ expect }) => {
    const fields = {
      recipe_name: text,
      ecosystem: text,
      platform: text,
      error_category: text,
      error_message: text,
    };
    expect((await post(batch({ ecosystem: text, results: [result(fields)] }))).status).toBe(201);
    expect(await rows("SELECT ecosystem, passed FROM batch_runs")).toEqual([
      { ecosystem: text, passed: 1 },
    ]);
    const columns = Object.keys(fields).join(", ");
    expect(await rows(`SELECT ${columns} FROM recipe_results`)).toEqual([fields]);
  });

  test("is stored as it is in every field of an execution", async ({ expect }) => {
    const fields = {
      delivery_id: text,
      repo: text,
      event_type: text,
      provider: text,
      model: text,
      conclusion: text,
      session_id: text,
      stop_reason: text,
    };
    await post({ batch_id: "e", records: [execution(fields)] }, { path: "/executions" });
    expect(await rows(`SELECT ${Object.keys(fields).join(", ")} FROM executions`)).toEqual([
      fields,
    ]);
  });

  test("finds and changes nothing as a filter or in a path", async ({ expect }) => {
    await post(batch());
    const encoded = encodeURIComponent(text);
    expect((await ask(`/batch-metrics/${encoded}`)).status).toBe(404);
    expect((await ask(`/dead-letters?reason=${encoded}`, "admin")).status).toBe(200);
    expect((await ask(`/dead-letters?stream=${encoded}`, "admin")).status).toBe(400);
    expect((await ask(`/dead-letters/${encoded}/${encoded}`, "admin")).status).toBe(404);
    expect([await count("batch_runs"), await count("recipe_results")]).toEqual([1, 1]);
  });
});

test.for([
  "a/../b",
  "..",
  ".",
  "a\\b",
  "a%2fb",
  "a\r\nX-Evil: 1",
  "a b",
  "é",
  "a?b",
  "a#b",
  "<script>",
])(
  "the batch_id %j is refused: it would be another path, header or page",
  async (batch_id, { expect }) => {
    expect((await post(batch({ batch_id }))).status).toBe(400);
    expect(await count("batch_runs")).toBe(0);
  },
);

test("a batch_id with everything that is allowed comes back in a Location that works", async ({
  expect,
}) => {
  const batch_id = "Az09._:@+-x";
  const response = await post(batch({ batch_id }));
  const location = response.headers.get("Location") ?? "";
  expect(location).toBe(`/batch-metrics/${encodeURIComponent(batch_id)}`);
  expect(await (await ask(location)).json()).toMatchObject({ batch_id, status: "written" });
});

test("a path that encodes nothing, or badly, is refused, and never a 5xx", async ({ expect }) => {
  for (const path of [
    "/batch-metrics/%",
    "/batch-metrics/%ff",
    "/batch-metrics/%00",
    "/dead-letters/%/%",
  ]) {
    const response = await request(path, { headers: { Authorization: "Bearer test-read-token" } });
    expect(response.status).toBeGreaterThanOrEqual(400);
    expect(response.status).toBeLessThan(500);
  }
});

test("what a caller sends does not come back as a header or as a page", async ({ expect }) => {
  const response = await post("<script>alert(1)</script>", { headers: { Prefer: "<script>" } });
  expect(response.headers.get("Content-Type")).toBe("application/problem+json");
  expect(response.headers.get("X-Content-Type-Options")).toBe("nosniff");
  expect([...response.headers.values()].join()).not.toContain("script");
});
