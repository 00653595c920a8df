type Row = Record<string, unknown>;

/** What is stored for fields that were not sent, said once more as docs/design/http.md says it. */
interface Defaults {
  run(upload: Row, rows: readonly Row[]): Row;
  row(run: Row): Row;
}

/** By the stream's name. What is not named here is stored as null. */
export const DEFAULTS: Readonly<Record<string, Defaults>> = {
  "batch-metrics": {
    run(upload, rows) {
      const counted = (result: string) => rows.filter((row) => row["result"] === result).length;
      const counts = {
        passed: counted("passed"),
        failed: counted("failed"),
        skipped: counted("skipped"),
      };
      const passed = Number(upload["passed"] ?? counts.passed);
      const total = Number(upload["total_recipes"]);
      const ofTotal = total > 0 ? Math.min(1, passed / total) : null;
      return { ...counts, success_rate: rows.length > 0 ? counts.passed / rows.length : ofTotal };
    },
    row: () => ({}),
  },
  executions: {
    run: () => ({}),
    row: (run) => ({
      provider: "anthropic",
      input_tokens: 0,
      output_tokens: 0,
      cache_read_tokens: 0,
      cache_creation_tokens: 0,
      duration_ms: 0,
      cost_usd: 0,
      created_at: run["accepted_at"],
    }),
  },
};
