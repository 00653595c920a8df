import type { Upload } from "../../scripts/local-d1.ts";

/** Rows of a body that is over 2 MB, so that it is kept and written in parts. */
const LARGE_ROWS = 20_000;

/**
 * What is posted under a number: its content depends on number and variant alone, and other
 * variants of a number are conflicts. Every 97th is over 2 MB.
 */
export function uploadOf(number: number, variant: number): Upload {
  const rows = number % 97 === 96 ? LARGE_ROWS : number % 23;
  const results = Array.from({ length: rows }, (_, index) => ({
    recipe_name: `recipe-${index}-é🙂`,
    ecosystem: `variant-${variant}`,
    platform: "linux-x86_64",
    result: index % 3 === 0 ? "failed" : "passed",
    error_message: index % 3 === 0 ? `exit code ${index}\n${"line ".repeat(index % 9)}` : null,
    duration_seconds: index / 4,
  }));
  const upload = {
    batch_id: `torture-${number}`,
    ecosystem: `variant-${variant}`,
    started_at: "2026-11-20T12:00:00Z",
    total_recipes: rows,
    results,
  };
  return { ...upload, text: JSON.stringify(upload) };
}
