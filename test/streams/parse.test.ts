import { describe, test } from "vitest";
import { Problem } from "../../src/problem.ts";
import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import { parseBatch } from "../../src/streams/parse.ts";
import { batch, result } from "../client.ts";

/** An upload of two results, with this JSON in place of the second one's error message. */
function withMessage(json: string): string {
  const upload = batch({ results: [result(), result({ error_message: "HERE" })] });
  return JSON.stringify(upload).replace('"HERE"', json);
}

function faultsOf(text: string): unknown {
  try {
    parseBatch(batchMetrics, text);
    return [];
  } catch (error) {
    return error instanceof Problem ? error.extras.errors : error;
  }
}

describe("text that SQLite would not give back is refused, and no other", () => {
  test.for([
    [String.raw`"\u0000"`, "a NUL character"],
    [String.raw`"before\u0000"`, "a NUL character"],
    [String.raw`"\ud800"`, "a lone surrogate"],
    [String.raw`"\uDBFF after"`, "a lone surrogate"],
    [String.raw`"\udc00"`, "a lone surrogate"],
    [String.raw`"\uDFFF\uD800"`, "a lone surrogate"],
  ] as const)("%s", ([json, what], { expect }) => {
    const path = "results[1].error_message";
    expect(faultsOf(withMessage(json))).toEqual([
      { path, message: `${path} must not contain ${what}` },
    ]);
  });

  test.for([
    [String.raw`"\ud83d\ude00"`, "😀"],
    ['"😀"', "😀"],
    [String.raw`"\\u0000 and \\ud800"`, String.raw`\u0000 and \ud800`],
    [String.raw`"\u001b[31m"`, "\u001B[31m"],
    [String.raw`"\ud7ff\ue000"`, "\uD7FF\uE000"],
  ] as const)("%s is kept", ([json, message], { expect }) => {
    const { rows } = parseBatch(batchMetrics, withMessage(json));
    expect(rows[1]?.["error_message"]).toBe(message);
  });

  test("it is one fault among others of the same batch", ({ expect }) => {
    const text = withMessage(String.raw`"\u0000","duration_seconds":-1`);
    expect(faultsOf(text.replace('"homebrew"', String.raw`"\ud800"`))).toEqual([
      { path: "ecosystem", message: "ecosystem must not contain a lone surrogate" },
      {
        path: "results[1].error_message",
        message: "results[1].error_message must not contain a NUL character",
      },
      {
        path: "results[1].duration_seconds",
        message: "results[1].duration_seconds must not be negative",
      },
    ]);
  });

  test.for(['"\\ud800"', '["\\u0000"]', "null", "7"])(
    "a batch that is %s is refused as no object",
    (text, { expect }) => {
      expect(faultsOf(text)).toEqual([{ path: "", message: "the batch must be an object" }]);
    },
  );
});

test.for([
  ["2026-02-07T03:03:36Z", "2026-02-07T03:03:36Z"],
  ["2026-02-07t05:03:36+02", "2026-02-07T03:03:36Z"],
  ["2026-02-07T05:03:36+0200", "2026-02-07T03:03:36Z"],
  ["2026-02-06T22:33-04:30", "2026-02-07T03:03:00Z"],
  ["2026-02-07T03:03:36,5Z", "2026-02-07T03:03:36.500Z"],
  ["2026-02-07T03:03:36.123999999999Z", "2026-02-07T03:03:36.123Z"],
] as const)("the time %s is kept as %s", ([started_at, kept], { expect }) => {
  const { run } = parseBatch(batchMetrics, JSON.stringify(batch({ started_at })));
  expect(run["started_at"]).toBe(kept);
});
