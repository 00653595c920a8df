import { FORGET_AGAIN_MS, FORGET_EVERY_MS, FORGET_ROWS, SHARD_CROWDED_BYTES } from "../limits.ts";
import { batchOf, keyOf } from "../queue/ticket.ts";
import type { SqlValue } from "../sql.ts";
import { Counters } from "./counters.ts";
import type { LedgerSql } from "./schema.ts";

const STRETCH = `SELECT key FROM batches WHERE key > ? ORDER BY key LIMIT 1 OFFSET ?`;

const FORGET = `
  DELETE FROM batches WHERE key > ? AND key <= ? AND state = 'written' AND settled_at < ?
  RETURNING key`;

/** In the order in which they came. */
const FORGET_OLDEST = `
  DELETE FROM batches WHERE rowid IN (
    SELECT rowid FROM batches WHERE state = 'written' ORDER BY rowid LIMIT ?)
  RETURNING key`;

const CHOSEN = `
  FROM batches WHERE key BETWEEN ?1 AND ?2 AND state = 'written' AND settled_at >= ?3`;

const FORGET_CHOSEN = `
  DELETE FROM batches WHERE rowid IN (SELECT rowid ${CHOSEN} LIMIT ?4) RETURNING key`;

/** No more than the next call forgets: to count all would read the stream to its end. */
const COUNT_CHOSEN = `SELECT count(*) AS written FROM (SELECT 1 ${CHOSEN} LIMIT ?4)`;

/** What a dead batch knows of other content that D1 had under its `batch_id`. */
const FORGET_OTHER_CONTENT = `
  UPDATE batches SET written_digest = NULL, batch_run_id = NULL WHERE key = ? AND state = 'dead'`;

const SET_NOTE = `
  INSERT INTO notes (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`;

/** After every key: keys are ASCII. */
const END = "\u{10FFFF}";

/** Written batches of a stream that an operator has the ledger forget. */
export interface ForgetOrder {
  stream: string;
  /** Only that one. */
  batch_id?: string | undefined;
  /** Written at this moment or later, in milliseconds since 1970. */
  since?: number | undefined;
}

/**
 * Forgets batches that were written longer ago than the retention. Once a day it walks the
 * table, a bounded stretch of the keys at a time, where an index would cost a written row per
 * batch. A shard that is crowded forgets the oldest before their time: what it remembers must
 * never keep it from taking new batches. By itself it never touches what is pending or dead.
 */
export class Forgetting {
  readonly #sql: LedgerSql;
  readonly #retentionMs: number;
  readonly #counters: Counters;
  /** Whether the last run left more to forget than one may. */
  #crowded = false;
  /** Before then the oldest are not looked for: there were few, in milliseconds since 1970. */
  #lookAt = 0;

  constructor(sql: LedgerSql, retentionMs: number) {
    this.#sql = sql;
    this.#retentionMs = retentionMs;
    this.#counters = new Counters(sql);
  }

  /** When there is something to look at, or null before the first `run`. */
  dueAt(): number | null {
    return this.#crowded ? 0 : this.#stretchDueAt();
  }

  #stretchDueAt(): number | null {
    const at = this.#note("forget_at");
    return at === null ? null : Number(at);
  }

  /** Forgets what there is room for no longer, and what of one stretch is past the retention. @returns how many batches. */
  run(now: number): number {
    return this.#forgetOldest(now) + this.#forgetExpired(now);
  }

  /**
   * Forgets written batches because an operator says so: D1 has them no longer. Safe to repeat,
   * and harmless where D1 does have them: it recognises what is posted again. Of a dead batch that is
   * named it forgets that D1 had other content, which then is a conflict until the batch is dropped.
   * @returns how many it has forgotten, and how many of those that are left the next call takes.
   */
  forget({ stream, batch_id, since = 0 }: ForgetOrder): { forgotten: number; left: number } {
    const one = batch_id === undefined ? undefined : keyOf({ stream, batch_id });
    // All keys of the stream lie between: 0 comes after the slash.
    const chosen = [one ?? `${stream}/`, one ?? `${stream}0`, since, FORGET_ROWS];
    return this.#sql.transaction(() => {
      if (one) this.#sql.exec(FORGET_OTHER_CONTENT, one);
      const forgotten = this.#counted(this.#sql.exec(FORGET_CHOSEN, ...chosen));
      if (forgotten < FORGET_ROWS) return { forgotten, left: 0 };
      return { forgotten, left: Number(this.#sql.exec(COUNT_CHOSEN, ...chosen)[0]?.["written"]) };
    });
  }

  #forgetOldest(now: number): number {
    this.#crowded = false;
    if (now < this.#lookAt || this.#sql.size() <= SHARD_CROWDED_BYTES) return 0;
    const gone = this.#sql.transaction(() =>
      this.#counted(this.#sql.exec(FORGET_OLDEST, FORGET_ROWS)),
    );
    // Then it is unwritten bodies that crowd the shard, and the search has read all of them.
    if (gone < FORGET_ROWS) this.#lookAt = now + FORGET_AGAIN_MS;
    else this.#crowded = this.#sql.size() > SHARD_CROWDED_BYTES;
    return gone;
  }

  #forgetExpired(now: number): number {
    const dueAt = this.#stretchDueAt();
    if (dueAt === null) this.#setNote("forget_at", now + FORGET_EVERY_MS);
    if (dueAt === null || dueAt > now) return 0;
    return this.#sql.transaction(() => {
      const from = this.#note("forget_from") ?? "";
      const to = this.#sql.exec(STRETCH, from, FORGET_ROWS - 1)[0]?.["key"];
      const gone = this.#sql.exec(FORGET, from, to ?? END, now - this.#retentionMs);
      this.#setNote("forget_from", to ?? "");
      this.#setNote("forget_at", to === undefined ? now + FORGET_EVERY_MS : now);
      return this.#counted(gone);
    });
  }

  /** Puts what is forgotten into the totals. @returns how many batches. */
  #counted(gone: readonly Record<string, SqlValue>[]): number {
    for (const [stream, rows] of Map.groupBy(gone, ({ key }) => batchOf(String(key)).stream)) {
      this.#counters.add(`forgotten/${stream}`, rows.length);
    }
    return gone.length;
  }

  #note(name: string) {
    return this.#sql.exec("SELECT value FROM notes WHERE name = ?", name)[0]?.["value"] ?? null;
  }

  #setNote(name: string, value: string | number): void {
    this.#sql.exec(SET_NOTE, name, value);
  }
}
