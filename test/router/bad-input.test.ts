import { afterEach, describe, test } from "vitest";
import { batch, count, execution, gzip, post, result } from "../client.ts";

interface ProblemBody {
  title: string;
  status: number;
  detail: string;
  instance: string;
  errors: { path: string; message: string }[];
}

async function refused(body: unknown, headers: Record<string, string> = {}): Promise<ProblemBody> {
  const response = await post(body, { headers });
  const problem: ProblemBody = await response.json();
  if (response.status !== problem.status) throw new Error("status and body disagree");
  return problem;
}

/** The batch as text, with a value that JSON.stringify would not write. */
function textWith(field: string, value: string): string {
  return JSON.stringify(batch({ [field]: "HERE" })).replace('"HERE"', value);
}

describe("bad input leaves no row, and says what and where:", () => {
  afterEach(async ({ expect }) => {
    expect([await count("batch_runs"), await count("recipe_results")]).toEqual([0, 0]);
  });

  test.for([
    ["an empty body", "", "invalid JSON: the body is empty"],
    ["no JSON", "batch_id=1", "invalid JSON: "],
    ["JSON that breaks off", '{"batch_id":"a"', "invalid JSON: "],
    ["NaN", '{"batch_id": NaN}', "invalid JSON: "],
    ["an array", "[]", "the batch must be an object"],
    ["a string", '"batch"', "the batch must be an object"],
    ["null", "null", "the batch must be an object"],
    ["deep nesting", "[".repeat(100_000) + "]".repeat(100_000), "the batch must be an object"],
    [
      "deep nesting in a field",
      textWith("ecosystem", "[".repeat(9_000) + "]".repeat(9_000)),
      "ecosystem must be a string",
    ],
    [
      "a number past the doubles",
      textWith("macos_minutes", "1e309"),
      "macos_minutes must be a finite number",
    ],
    [
      "a whole number past 2^53",
      textWith("total_recipes", "9007199254740993"),
      "total_recipes must be a whole number below 2^53",
    ],
    [
      "a NUL character",
      textWith("ecosystem", String.raw`"a\u0000b"`),
      "ecosystem must not contain a NUL character",
    ],
    [
      "a lone surrogate",
      textWith("ecosystem", String.raw`"\ud800"`),
      "ecosystem must not contain a lone surrogate",
    ],
    [
      "a field named __proto__",
      textWith("ecosystem", '"npm","__proto__":{"a":1}'),
      "__proto__ is not a known field",
    ],
  ] as const)("%s", async ([, body, message], { expect }) => {
    const problem = await refused(body);
    expect(problem.status).toBe(400);
    expect(problem.detail).toContain(message);
    expect(problem.errors[0]?.message).toContain(message);
  });

  test.for([
    [{ batch_id: undefined }, "batch_id", "batch_id is required"],
    [{ results: undefined }, "results", "results array is required"],
    [{ results: {} }, "results", "results must be an array"],
    [
      { results: [{ ecosystem: "npm", result: "passed" }] },
      "results[0].recipe_name",
      "results[0].recipe_name is required",
    ],
    [{ results: [result(), 7] }, "results[1]", "results[1] must be an object"],
    [
      { results: [result({ result: "ok" })] },
      "results[0].result",
      "results[0].result must be one of passed, failed, skipped",
    ],
    [
      { results: [result({ recipe_name: "" })] },
      "results[0].recipe_name",
      "results[0].recipe_name must not be empty",
    ],
    [
      { results: [result({ color: "red" })] },
      "results[0].color",
      "results[0].color is not a known field",
    ],
    [
      { results: [result({ duration_seconds: "1" })] },
      "results[0].duration_seconds",
      "results[0].duration_seconds must be a number",
    ],
    [
      { results: [result({ duration_seconds: -1 })] },
      "results[0].duration_seconds",
      "results[0].duration_seconds must not be negative",
    ],
    [{ total: 1 }, "total", "total is not a known field"],
    [{ total_recipes: -1 }, "total_recipes", "total_recipes must not be negative"],
    [{ total_recipes: 1.5 }, "total_recipes", "total_recipes must be a whole number below 2^53"],
    [{ total_recipes: true }, "total_recipes", "total_recipes must be a number"],
    [{ success_rate: 1.1 }, "success_rate", "success_rate must be at most 1"],
    [{ ecosystem: "x".repeat(501) }, "ecosystem", "ecosystem must have at most 500 characters"],
    [
      { batch_id: "a b" },
      "batch_id",
      "batch_id must be 1 to 200 of A-Z a-z 0-9 . _ : @ + - and not dots alone",
    ],
    [{ batch_id: ".." }, "batch_id", "batch_id must be 1 to 200"],
    [{ batch_id: "x".repeat(201) }, "batch_id", "batch_id must be 1 to 200"],
    [{ batch_id: 7 }, "batch_id", "batch_id must be a string"],
  ] as const)("%j", async ([overrides, path, message], { expect }) => {
    const problem = await refused(batch({ ...overrides }));
    expect(problem.status).toBe(400);
    expect(problem.errors).toEqual([{ path, message: expect.stringContaining(message) }]);
    expect(problem.detail).toContain(message);
  });

  test.for([
    "2026-02-30T00:00:00Z",
    "2026-13-01T00:00:00Z",
    "2025-02-29T00:00:00Z",
    "2026-01-01T24:00:00Z",
    "2026-01-01T00:60:00Z",
    "2026-01-01T00:00:00+24:00",
    "2026-01-01T00:00:00",
    "2026-01-01",
    "0000-01-01T00:00:00+01:00",
    "yesterday",
    "",
  ])("the time %j", async (started_at, { expect }) => {
    const problem = await refused(batch({ started_at }));
    expect(problem.errors).toEqual([
      {
        path: "started_at",
        message:
          "started_at must be an ISO 8601 date and time with an offset, like 2026-02-07T03:03:36Z",
      },
    ]);
  });

  test("several faults are listed together", async ({ expect }) => {
    const problem = await refused({ results: [{}], extra: 1 });
    expect(problem.errors.map(({ path }) => path)).toEqual([
      "batch_id",
      "ecosystem",
      "started_at",
      "total_recipes",
      "extra",
      "results[0].recipe_name",
      "results[0].ecosystem",
      "results[0].result",
    ]);
  });

  test("every unknown field is named, with no more of its name than is needed", async ({
    expect,
  }) => {
    const long = "x".repeat(1_000_000);
    const results = [result({ color: "red", [long]: 1 }), result({ size: 2 })];
    const problem = await refused(batch({ total: 1, extra: 2, constructor: 3, results }));
    expect(problem.errors.map(({ path }) => path)).toEqual([
      "total",
      "extra",
      "constructor",
      "results[0].color",
      `results[0].${long.slice(0, 100)}`,
      "results[1].size",
    ]);
  });

  test("of 10,000 wrong rows fifty are listed, and five are in the sentence", async ({
    expect,
  }) => {
    const problem = await refused(batch({ results: Array.from({ length: 10_000 }, () => ({})) }));
    expect(problem.errors).toHaveLength(50);
    const five = problem.errors.slice(0, 5).map(({ message }) => message);
    expect(problem.detail).toBe(`${five.join("; ")}; and 45 more, listed in errors`);
  });

  test("50,001 results", async ({ expect }) => {
    const problem = await refused(
      batch({ results: Array.from({ length: 50_001 }, () => result()) }),
    );
    expect(problem.errors).toEqual([
      {
        path: "results",
        message: "results must have at most 50000 entries, but has 50001: split the batch",
      },
    ]);
  });

  test("more than 8 MiB, plain", async ({ expect }) => {
    const problem = await refused(" ".repeat(8 * 1024 * 1024 + 1));
    expect(problem).toMatchObject({ status: 413, title: "The upload is too large" });
  });

  test("more than 8 MiB that come without a Content-Length", async ({ expect }) => {
    const chunk = new TextEncoder().encode(" ".repeat(1024 * 1024));
    let chunks = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        chunks += 1;
        if (chunks > 50) controller.close();
        else controller.enqueue(chunk);
      },
    });
    expect(await refused(endless)).toMatchObject({ status: 413 });
    expect(chunks).toBeLessThan(20);
  });

  test("a gzip bomb, which is not unpacked further than the limit", async ({ expect }) => {
    const bomb = await gzip(" ".repeat(100 * 1024 * 1024));
    expect(bomb.length).toBeLessThan(200_000);
    expect(await refused(bomb, { "Content-Encoding": "gzip" })).toMatchObject({ status: 413 });
  });

  test("a gzip that breaks off, one that is none, and one with a tail", async ({ expect }) => {
    const whole = await gzip(JSON.stringify(batch()));
    for (const bytes of [
      whole.slice(0, -12),
      new TextEncoder().encode("{}"),
      new Uint8Array([...whole, 1, 2, 3]),
    ]) {
      const problem = await refused(bytes, { "Content-Encoding": "gzip" });
      expect(problem.status).toBe(400);
      expect(problem.detail).toContain("The body is not valid gzip");
    }
    const broken = await refused(whole.slice(0, -12), { "Content-Encoding": "gzip" });
    expect(broken.detail).toBe("The body is not valid gzip: it ends too early");
  });

  test("bytes that are not UTF-8", async ({ expect }) => {
    const problem = await refused(new Uint8Array([0x7b, 0xff, 0x7d]));
    expect(problem).toMatchObject({ status: 400, detail: "The body is not valid UTF-8." });
  });

  test("a Content-Length that says more than the limit", async ({ expect }) => {
    const problem = await refused(JSON.stringify(batch()), { "Content-Length": "99999999" });
    expect(problem.status).toBe(413);
  });

  test.for([
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/json; charset=latin1",
    "application/json; charset = utf-16",
    "json",
  ])("the Content-Type %s", async (type, { expect }) => {
    const problem = await refused(batch(), { "Content-Type": type });
    expect(problem.status).toBe(415);
    expect(problem.detail).toContain(JSON.stringify(type));
  });

  test.for(["br", "deflate", "gzip, gzip"])(
    "the Content-Encoding %s",
    async (encoding, { expect }) => {
      const problem = await refused(batch(), { "Content-Encoding": encoding });
      expect(problem.status).toBe(415);
      expect(problem.detail).toContain(encoding);
    },
  );
});

test("a Content-Type may have a charset, a suffix, or be absent", async ({ expect }) => {
  for (const [index, type] of [
    "application/json; charset=UTF-8",
    "application/vnd.ci+json",
    "",
  ].entries()) {
    const body = new TextEncoder().encode(JSON.stringify(batch({ batch_id: `run-${index}` })));
    expect((await post(body, { headers: { "Content-Type": type } })).status).toBe(201);
  }
});

test("executions name the field in their records", async ({ expect }) => {
  const response = await post(
    { batch_id: "e", records: [execution(), execution({ repo: "", input_tokens: -1 })] },
    { path: "/executions" },
  );
  const { errors } = await response.json<ProblemBody>();
  expect(errors).toEqual([
    { path: "records[1].repo", message: "records[1].repo must not be empty" },
    { path: "records[1].input_tokens", message: "records[1].input_tokens must not be negative" },
  ]);
  expect(await count("executions")).toBe(0);
});
