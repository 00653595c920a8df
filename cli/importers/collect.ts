import { suffixed } from "../batch-id.ts";
import type { ImportDefaults, ImportedUpload } from "./import-types.ts";
import { MOST_TEXT } from "./lines.ts";
import { messageOf, nameOf } from "./text.ts";

/** How a test fared, in the words that all importers share. */
export interface Case {
  name: string;
  result: "passed" | "failed" | "skipped";
  category?: string | undefined;
  message?: string | undefined;
  seconds?: number | undefined;
}

/** Tests of one upload; memory is bounded by it, and by MOST_TEXT. */
const MOST_CASES = 500_000;

/** Gathers the cases of a report into an upload, and what is too much for one into further ones. */
export class Collection {
  readonly #source: string;
  readonly #defaults: ImportDefaults;
  #results: Record<string, unknown>[] = [];
  #counts = { passed: 0, failed: 0, skipped: 0 };
  #characters = 0;
  /** Cases in the uploads before this one. */
  #before = 0;
  readonly #full: ImportedUpload[] = [];
  /** ISO 8601, once the report has told. */
  startedAt: string | undefined;
  completedAt: string | undefined;

  /** @param source as the uploads name it. */
  constructor(source: string, defaults: ImportDefaults) {
    this.#source = source;
    this.#defaults = defaults;
  }

  add(each: Case): void {
    // Else only counted: a stored result costs two rows, whoever wants to know of it.
    this.#count(each, !this.#defaults.failuresOnly || each.result === "failed");
  }

  #count({ name, result, category, message, seconds }: Case, stored: boolean): void {
    // Here and nowhere else, so that reading a report again makes the same uploads of it.
    const full = this.#results.length >= MOST_CASES || this.#characters >= MOST_TEXT;
    if (full) this.#full.push(this.#close());
    this.#counts[result] += 1;
    if (!stored) return;
    const texts = {
      recipe_name: nameOf(name),
      ...(category && { error_category: nameOf(category) }),
      ...(message && { error_message: messageOf(message) }),
    };
    for (const text of Object.values(texts)) this.#characters += text.length;
    const { ecosystem, platform } = this.#defaults;
    this.#results.push({
      ...texts,
      ecosystem,
      ...(platform && { platform }),
      result,
      ...(seconds !== undefined && seconds >= 0 && { duration_seconds: seconds }),
    });
  }

  /** The uploads that are full already, each once. */
  full(): ImportedUpload[] {
    return this.#full.splice(0);
  }

  /**
   * The last upload, and mostly the only one. A cancelled job has a result that says so, and that
   * is skipped: what is absent did not run. Where nothing ran before it was cancelled there is no
   * upload at all, since its zeros would look like a result.
   */
  *rest(): Generator<ImportedUpload> {
    if (this.#defaults.cancelled) {
      if (this.#total === 0) return;
      this.#count({ name: "(job cancelled)", result: "skipped", category: "cancelled" }, true);
    }
    yield* this.full();
    yield this.#close();
  }

  /** Cases that are counted in this upload, stored or not. */
  get #total(): number {
    const { passed, failed, skipped } = this.#counts;
    return passed + failed + skipped;
  }

  #close(): ImportedUpload {
    const { batchId, ecosystem, startedAt, minutes } = this.#defaults;
    const { passed, failed, skipped } = this.#counts;
    const results = this.#results;
    const total = this.#total;
    const first = this.#before === 0;
    const upload = {
      batch_id: first ? batchId : suffixed(batchId, `.from${this.#before + 1}`),
      ecosystem,
      started_at: this.startedAt ?? startedAt,
      ...(this.completedAt && { completed_at: this.completedAt }),
      total_recipes: total,
      passed,
      failed,
      skipped,
      ...(total > 0 && { success_rate: passed / total }),
      ...(first && minutes),
      results,
    };
    this.#before += total;
    this.#results = [];
    this.#counts = { passed: 0, failed: 0, skipped: 0 };
    this.#characters = 0;
    return { stream: "batch-metrics", upload, source: this.#source };
  }
}
