import * as v from "valibot";
import { utcOf } from "../../src/streams/time.ts";
import { type Case, Collection } from "./collect.ts";
import { ImportError, placeOf } from "./import-error.ts";
import type { ImportDefaults, ImportedUpload } from "./import-types.ts";
import { pathOf } from "./text.ts";

/** A field that is read where it has the form it should have: an odd one must not lose the report. */
function maybe<const Schema extends v.GenericSchema>(schema: Schema) {
  return v.fallback(v.optional(schema), undefined);
}

/** The part of CTRF that is read. Everything but the tests may be missing. See https://ctrf.io */
const Ctrf = v.object({
  results: v.object({
    summary: maybe(v.object({ start: maybe(v.number()), stop: maybe(v.number()) })),
    tests: v.array(
      v.object({
        name: v.string(),
        status: v.string(),
        duration: maybe(v.number()),
        message: maybe(v.string()),
        trace: maybe(v.string()),
        suite: maybe(v.union([v.string(), v.array(v.string())])),
        rawStatus: maybe(v.string()),
        flaky: maybe(v.boolean()),
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

/**
 * A CTRF report.
 * @param line which it is on, where the file may have several.
 * @throws ImportError that names the field which is wrong.
 */
export function* importCtrf(
  file: string,
  line: number | undefined,
  value: unknown,
  defaults: ImportDefaults,
): Generator<ImportedUpload> {
  const parsed = v.safeParse(Ctrf, value);
  if (!parsed.success) {
    const [issue] = parsed.issues;
    const where = v.getDotPath(issue) ?? "the report";
    throw new ImportError(file, line, `CTRF: ${where}: ${issue.message}`);
  }
  const { summary, tests } = parsed.output.results;
  const collection = new Collection(placeOf(file, line), defaults);
  collection.startedAt = momentOf(summary?.start);
  collection.completedAt = momentOf(summary?.stop);
  for (const test of tests) {
    collection.add(caseOf(test));
    yield* collection.full();
  }
  yield* collection.rest();
}

function caseOf({ name, status, duration, message, trace, suite, rawStatus, flaky }: Test): Case {
  const suites = typeof suite === "string" ? [suite] : (suite ?? []);
  const result = status === "passed" || status === "failed" ? status : ("skipped" as const);
  // The tool's own word, where it says more. "pending" and "other" are no results: they count as
  // skipped, and say what they were.
  const own = rawStatus === status ? undefined : rawStatus;
  const word = own || (result === "failed" ? "failure" : status);
  const told = [message, trace].filter((text) => text !== undefined && text !== "");
  const [first = "", second = ""] = told;
  return {
    name: pathOf(...suites, name),
    result,
    category: result !== "passed" ? word : flaky ? "flaky" : undefined,
    message: second.includes(first) ? second : told.join("\n"),
    // CTRF counts milliseconds.
    seconds: duration === undefined ? undefined : duration / 1000,
  };
}

/** Undefined too where the service would not take it: a year of five digits, say of microseconds. */
function momentOf(milliseconds: number | undefined): string | undefined {
  if (!milliseconds || Math.abs(milliseconds) > 8.64e15) return undefined;
  return utcOf(new Date(milliseconds).toISOString()) ?? undefined;
}
