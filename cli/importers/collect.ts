import { ImportError } from "./import-error.ts";
import type { ImportDefaults, ImportedUpload } from "./index.ts";
import { messageOf, nameOf } from "./text.ts";

/** How a test fared, in the words that all importers share. */
export interface Case {
  name: string;
  result: "passed" | "failed" | "skipped";
  category?: string | undefined;
  message?: string | undefined;
  seconds?: number | undefined;
}

/** Tests that one report may hold; memory is bounded by it. */
const MOST_CASES = 500_000;

/** Gathers the cases of a report into an upload. */
export class Collection {
  readonly #file: string;
  readonly #defaults: ImportDefaults;
  readonly #results: Record<string, unknown>[] = [];
  readonly #counts = { passed: 0, failed: 0, skipped: 0 };
  /** ISO 8601, once the report has told. */
  startedAt: string | undefined;
  completedAt: string | undefined;

  constructor(file: string, defaults: ImportDefaults) {
    this.#file = file;
    this.#defaults = defaults;
  }

  /** @throws ImportError past the bound. */
  add({ name, result, category, message, seconds }: Case): void {
    if (this.#results.length >= MOST_CASES) {
      throw new ImportError(
        this.#file,
        undefined,
        `there are over ${MOST_CASES} tests: split the report`,
      );
    }
    this.#counts[result] += 1;
    this.#results.push({
      recipe_name: nameOf(name),
      ecosystem: nameOf(this.#defaults.ecosystem),
      result,
      ...(category && { error_category: nameOf(category) }),
      ...(message && { error_message: messageOf(message) }),
      ...(seconds !== undefined && seconds >= 0 && { duration_seconds: seconds }),
    });
  }

  /**
   * The upload. A cancelled job has a result that says so, and that is skipped: what is absent
   * did not run. Where nothing ran before it was cancelled there is no upload at all, since
   * its zeros would look like a result.
   */
  *uploads(): Generator<ImportedUpload> {
    const { batchId, ecosystem, startedAt, minutes = {}, cancelled } = this.#defaults;
    if (cancelled) {
      if (this.#results.length === 0) return;
      this.add({ name: "(job cancelled)", result: "skipped", category: "cancelled" });
    }
    const { passed, failed, skipped } = this.#counts;
    const total = this.#results.length;
    const upload = {
      batch_id: batchId,
      ecosystem: nameOf(ecosystem),
      started_at: this.startedAt ?? startedAt,
      ...(this.completedAt && { completed_at: this.completedAt }),
      total_recipes: total,
      passed,
      failed,
      skipped,
      ...(total > 0 && { success_rate: passed / total }),
      ...(minutes.macos !== undefined && { macos_minutes: minutes.macos }),
      ...(minutes.linux !== undefined && { linux_minutes: minutes.linux }),
      results: this.#results,
    };
    yield { stream: "batch-metrics", upload, source: this.#file };
  }
}
