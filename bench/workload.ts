/** An upload of the workload: the text around the batch_id, which each request replaces. */
export interface Upload {
  results: number;
  bytes: number;
  /** The body under a batch_id of its own. */
  text(batch_id: string): string;
}

/** A CI run of so many results. A hundred make about 16 kB; every fifth failed, with a message. */
export function uploadOf(results: number): Upload {
  const rows = Array.from({ length: results }, (_, index) => ({
    recipe_name: `recipe-number-${index}`,
    ecosystem: "homebrew",
    platform: index % 2 === 0 ? "linux-x64" : "macos-arm64",
    result: index % 5 === 0 ? "failed" : "passed",
    ...(index % 5 === 0 && {
      error_category: "build",
      error_message: `the build step ${index} ended with exit code 1 after its second attempt`,
    }),
    duration_seconds: 1.5 + index,
  }));
  const rest = JSON.stringify({
    ecosystem: "homebrew",
    started_at: "2026-11-20T12:00:00Z",
    completed_at: "2026-11-20T12:10:00Z",
    total_recipes: results,
    macos_minutes: 4.5,
    linux_minutes: 3.25,
    results: rows,
  }).slice(1);
  const text = (batch_id: string) => `{"batch_id":"${batch_id}",${rest}`;
  return { results, bytes: Buffer.byteLength(text("0".repeat(12))), text };
}
