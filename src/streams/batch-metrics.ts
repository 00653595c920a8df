import * as v from "valibot";
import { Count, maybe, Message, Moment, Name, Quantity, Ratio } from "./fields.ts";
import { defineStream, type Values } from "./stream.ts";

const RESULTS = ["passed", "failed", "skipped"] as const;

/** A CI run. What is absent of the counts and the rate is computed from the results. */
const Run = v.strictObject({
  ecosystem: Name,
  started_at: Moment,
  completed_at: maybe(Moment),
  total_recipes: Count,
  passed: maybe(Count),
  failed: maybe(Count),
  skipped: maybe(Count),
  success_rate: maybe(Ratio),
  macos_minutes: maybe(Quantity),
  linux_minutes: maybe(Quantity),
});

/** How one recipe fared. */
const Result = v.strictObject({
  recipe_name: Name,
  ecosystem: Name,
  platform: maybe(Name),
  result: v.picklist(RESULTS, `must be one of ${RESULTS.join(", ")}`),
  error_category: maybe(Name),
  error_message: maybe(Message),
  duration_seconds: maybe(Quantity),
});

export const batchMetrics = defineStream({
  name: "batch-metrics",
  path: "/batch-metrics",
  description: "A CI run and the result of each of its recipes.",
  run: Run,
  rowsField: "results",
  row: Result,
  minRows: 0,
  complete,
  retentionDays: 365,
  tables: {
    run: "batch_runs",
    rows: "recipe_results",
    runColumn: "batch_run_id",
    age: { run: "started_at" },
  },
});

function complete(run: Values, rows: Values[]): Values {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const row of rows) {
    for (const result of RESULTS) if (row["result"] === result) counts[result] += 1;
  }
  const passed = run["passed"] ?? counts.passed;
  return {
    ...run,
    passed,
    failed: run["failed"] ?? counts.failed,
    skipped: run["skipped"] ?? counts.skipped,
    success_rate:
      run["success_rate"] ??
      (rows.length > 0
        ? counts.passed / rows.length
        : rate(Number(passed), Number(run["total_recipes"]))),
  };
}

/** Absent where nothing ran: a rate of nothing is unknown, not 0. */
function rate(passed: number, total: number): number | undefined {
  return total > 0 ? Math.min(1, passed / total) : undefined;
}
