import * as v from "valibot";
import { type Case, Collection } from "./collect.ts";
import { ImportError } from "./import-error.ts";
import type { ImportDefaults, ImportedUpload } from "./index.ts";
import { pathOf } from "./text.ts";

/** The part of CTRF that is read. Everything but the tests may be missing. See https://ctrf.io */
const Ctrf = v.object({
  results: v.object({
    summary: v.optional(v.object({ start: v.optional(v.number()), stop: v.optional(v.number()) })),
    tests: v.array(
      v.object({
        name: v.string(),
        status: v.string(),
        duration: v.optional(v.nullable(v.number())),
        message: v.optional(v.nullable(v.string())),
        trace: v.optional(v.nullable(v.string())),
        suite: v.optional(v.nullable(v.union([v.string(), v.array(v.string())]))),
        type: v.optional(v.nullable(v.string())),
        flaky: v.optional(v.nullable(v.boolean())),
      }),
    ),
  }),
});
type Test = v.InferOutput<typeof Ctrf>["results"]["tests"][number];

/** Whether a JSON value is a CTRF report: its tests lie one level deeper than an upload's results. */
export function isCtrf(value: Record<string, unknown>): boolean {
  const { results } = value;
  return (
    typeof results === "object" && results !== null && !Array.isArray(results) && "tests" in results
  );
}

/** A CTRF report. @throws ImportError that names the field which is wrong. */
export function* importCtrf(
  file: string,
  value: unknown,
  defaults: ImportDefaults,
): Generator<ImportedUpload> {
  const parsed = v.safeParse(Ctrf, value);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    throw new ImportError(
      file,
      undefined,
      `CTRF: ${v.getDotPath(issue) ?? "the report"}: ${issue.message}`,
    );
  }
  const { summary, tests } = parsed.output.results;
  const collection = new Collection(file, defaults);
  collection.startedAt = momentOf(summary?.start);
  collection.completedAt = momentOf(summary?.stop);
  for (const test of tests) collection.add(caseOf(test));
  yield* collection.uploads();
}

function caseOf({ name, status, duration, message, trace, suite, type, flaky }: Test): Case {
  const suites = typeof suite === "string" ? [suite] : (suite ?? []);
  const result = status === "passed" || status === "failed" ? status : ("skipped" as const);
  // "pending" and "other" are no results: they count as skipped, and say what they were.
  const word =
    result === "skipped" ? status : result === "failed" ? (type ?? "failure") : undefined;
  const told = [message, trace].filter((text) => typeof text === "string" && text !== "");
  const [first = "", second = ""] = told;
  return {
    name: pathOf(...suites, name),
    result,
    category: result === "passed" && flaky ? "flaky" : word,
    message: second?.includes(first ?? "") ? (second ?? "") : told.join("\n"),
    // CTRF counts milliseconds.
    seconds: typeof duration === "number" ? duration / 1000 : undefined,
  };
}

function momentOf(milliseconds: number | undefined): string | undefined {
  if (!milliseconds || Math.abs(milliseconds) > 8.64e15) return undefined;
  return new Date(milliseconds).toISOString();
}
