import { FORGET_EVERY_MS, FORGET_ROWS } from "../limits.ts";
import { batchOf } from "../queue/ticket.ts";
import { Counters } from "./counters.ts";
import type { LedgerSql } from "./schema.ts";

const STRETCH = `
  SELECT key FROM batches WHERE key > ? ORDER BY key LIMIT 1 OFFSET ${FORGET_ROWS - 1}`;

const FORGET = `
  DELETE FROM batches WHERE key > ? AND key <= ? AND state = 'written' AND settled_at < ?
  RETURNING key`;

/** After every key: keys are ASCII. */
const END = "\u{10FFFF}";

/**
 * Forgets batches that were written longer ago than the retention. Once a day it walks the
 * table, a bounded stretch of the keys at a time, where an index would cost a written row per
 * batch. What is pending or dead it never touches.
 */
export class Forgetting {
  readonly #sql: LedgerSql;
  readonly #retentionMs: number;
  readonly #counters: Counters;

  constructor(sql: LedgerSql, retentionMs: number) {
    this.#sql = sql;
    this.#retentionMs = retentionMs;
    this.#counters = new Counters(sql);
  }

  /** When there is a stretch to look at, or null before the first `run`. */
  dueAt(): number | null {
    const at = this.#note("forget_at");
    return at === null ? null : Number(at);
  }

  /** Looks at one stretch, if it is time. @returns how many batches were forgotten. */
  run(now: number): number {
    const dueAt = this.dueAt();
    if (dueAt === null) this.#setNote("forget_at", now + FORGET_EVERY_MS);
    if (dueAt === null || dueAt > now) return 0;
    return this.#sql.transaction(() => {
      const from = this.#note("forget_from") ?? "";
      const to = this.#sql.exec(STRETCH, from)[0]?.["key"];
      const gone = this.#sql.exec(FORGET, from, to ?? END, now - this.#retentionMs);
      for (const [stream, rows] of Map.groupBy(gone, ({ key }) => batchOf(String(key)).stream)) {
        this.#counters.add(`forgotten/${stream}`, rows.length);
      }
      this.#setNote("forget_from", to ?? "");
      this.#setNote("forget_at", to === undefined ? now + FORGET_EVERY_MS : now);
      return gone.length;
    });
  }

  #note(name: string) {
    return this.#sql.exec("SELECT value FROM notes WHERE name = ?", name)[0]?.["value"] ?? null;
  }

  #setNote(name: string, value: string | number): void {
    this.#sql.exec("INSERT OR REPLACE INTO notes (name, value) VALUES (?, ?)", name, value);
  }
}
