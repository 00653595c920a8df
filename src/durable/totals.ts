import { AUDIT_ROWS, STORE_COUNTS_MS } from "../limits.ts";
import type { Clock } from "./clock.ts";
import { Counters } from "./counters.ts";
import { batchRowOf, type BatchRow, isUnder, type LedgerSql, ROW } from "./schema.ts";

/** What became of a stream's batches in one shard, or in all. */
export interface StreamCounts {
  /** Batches taken as new: written + dead + pending + dropped + forgotten. */
  accepted: number;
  written: number;
  dead: number;
  pending: number;
  /** Dead batches that an operator removed. */
  dropped: number;
  /** Written batches that the ledger no longer remembers. */
  forgotten: number;
  /** When the oldest pending batch was accepted, in milliseconds since 1970. */
  oldest_pending_at: number | null;
  /** Posts of known batches, and of other content under a known `batch_id`. */
  duplicates: number;
  conflicts: number;
  /** Uploads with a token of the scope that were refused all the same, by the kind of problem. */
  rejected: Record<string, number>;
}

const NONE: StreamCounts = {
  accepted: 0,
  written: 0,
  dead: 0,
  pending: 0,
  dropped: 0,
  forgotten: 0,
  oldest_pending_at: null,
  duplicates: 0,
  conflicts: 0,
  rejected: {},
};

// From the indexes that have these states only: as many rows are read as wait or are dead.
const PENDING = `
  SELECT count(*) AS batches, min(accepted_at) AS oldest_at FROM batches INDEXED BY batches_due
  WHERE state = 'pending' AND ${isUnder("key", "?1")}`;
const DEAD = `
  SELECT count(*) AS batches FROM batches INDEXED BY batches_dead
  WHERE state = 'dead' AND ${isUnder("key", "?1")}`;

const STRETCH = `
  SELECT ${ROW} FROM batches WHERE key > ? AND state = 'written' ORDER BY key LIMIT ${AUDIT_ROWS}`;

/**
 * A shard's account of itself. What waits or is dead is counted in the table; what was written,
 * forgotten or dropped was counted in the transaction that did it; so `accepted` is exact.
 * Duplicates, conflicts and refusals change no row, and storing each would cost one: they are
 * counted in memory and stored within seconds, and the last few are lost when the object is killed.
 */
export class Totals {
  readonly #sql: LedgerSql;
  readonly #counters: Counters;
  readonly #clock: Clock;
  #unstored = new Map<string, number>();
  #cancel: (() => void) | undefined;

  constructor(sql: LedgerSql, clock: Clock) {
    this.#sql = sql;
    this.#clock = clock;
    this.#counters = new Counters(sql);
  }

  /** Counts a post that changed nothing. */
  count(what: "duplicates" | "conflicts", stream: string): void {
    const name = `${what}/${stream}`;
    this.#unstored.set(name, (this.#unstored.get(name) ?? 0) + 1);
    this.#cancel ??= this.#clock.after(STORE_COUNTS_MS, () => this.store());
  }

  /** Counts uploads that were refused before they reached the ledger. */
  countRejected(stream: string, kind: string, number: number): void {
    this.#counters.add(`rejected/${stream}/${kind}`, number);
  }

  /** Stores what is counted in memory. */
  store(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    for (const [name, number] of this.#unstored) this.#counters.add(name, number);
    this.#unstored = new Map();
  }

  /** The account of a stream. */
  of(stream: string): StreamCounts {
    this.store();
    const [pending = {}] = this.#sql.exec(PENDING, stream);
    const dead = Number(this.#sql.exec(DEAD, stream)[0]?.["batches"]);
    const counted = (what: string) => this.#counters.under(what)[stream] ?? 0;
    const everWritten = counted("written");
    const dropped = counted("dropped");
    const forgotten = counted("forgotten");
    const oldest = pending["oldest_at"];
    return {
      accepted: everWritten + Number(pending["batches"]) + dead + dropped,
      written: everWritten - forgotten,
      dead,
      pending: Number(pending["batches"]),
      dropped,
      forgotten,
      oldest_pending_at: typeof oldest === "number" ? oldest : null,
      duplicates: counted("duplicates"),
      conflicts: counted("conflicts"),
      rejected: this.#counters.under(`rejected/${stream}`),
    };
  }

  /** The written batches after a key, in the order of their keys: what the audit compares with D1. */
  writtenAfter(key: string): BatchRow[] {
    return this.#sql.exec(STRETCH, key).map(batchRowOf);
  }
}

/** The accounts of several shards as one. */
export function sumOf(totals: readonly StreamCounts[]): StreamCounts {
  return totals.reduce((sum, one) => {
    const oldest = [sum.oldest_pending_at, one.oldest_pending_at].filter((at) => at !== null);
    const rejected = { ...sum.rejected };
    for (const [kind, number] of Object.entries(one.rejected)) {
      rejected[kind] = (rejected[kind] ?? 0) + number;
    }
    return {
      accepted: sum.accepted + one.accepted,
      written: sum.written + one.written,
      dead: sum.dead + one.dead,
      pending: sum.pending + one.pending,
      dropped: sum.dropped + one.dropped,
      forgotten: sum.forgotten + one.forgotten,
      oldest_pending_at: oldest.length > 0 ? Math.min(...oldest) : null,
      duplicates: sum.duplicates + one.duplicates,
      conflicts: sum.conflicts + one.conflicts,
      rejected,
    };
  }, NONE);
}
