import { SIZE_LOOK_BYTES, SHARD_FULL_BYTES } from "../limits.ts";
import {
  batchOf,
  type Burial,
  type Claim,
  keyOf,
  type Report,
  type Ticket,
} from "../queue/ticket.ts";
import type { SqlValue } from "../sql.ts";
import type { Body } from "../streams/body.ts";
import { BodyStore, bodyOf } from "./body-store.ts";
import { Counters } from "./counters.ts";
import {
  batchRowOf,
  type BatchRow,
  CONFLICT,
  createTables,
  isConflict,
  type LedgerSql,
  type Settled,
  settledOf,
  type Standing,
} from "./schema.ts";
import {
  BURY,
  CLAIM,
  FAIL,
  FIND,
  INSERT,
  KILL,
  NEXT_DUE,
  RESCHEDULE,
  REDELIVER,
  REPLAY,
  SETTLE,
} from "./statements.ts";

/** A batch at the ledger's door. */
export interface Admission {
  stream: string;
  batch_id: string;
  digest: string;
  row_count: number;
  bytes: number;
  /** From when D1's retention counts the batch's age, in milliseconds since 1970; absent: when it is accepted. */
  dated_at?: number;
  /** The number of the database that it goes to; absent: the first. */
  database?: number;
  body: Body;
}

/** The ledger has the batch. */
export type Accepted = { outcome: "accepted" | "duplicate" } & Standing;

/** The answer to a post. Returned and not thrown: an error loses its class across RPC. */
export type Receipt = Accepted | { outcome: "conflict" } | { outcome: "overloaded" };

export interface LedgerSettings {
  /** This shard's number: it goes into every ticket. */
  shard: number;
  redeliverAfterMs: number;
}

/**
 * One shard of the ledger: lets each batch through once and remembers how it ended. This is
 * the state machine alone, synchronous, on any SQLite; each method is one transaction.
 */
export class Ledger {
  readonly #sql: LedgerSql;
  readonly #settings: LedgerSettings;
  readonly #bodies: BodyStore;
  readonly #counters: Counters;
  /** Bytes that may come before the next look at the file's size. */
  #bytesToLook = 0;

  constructor(sql: LedgerSql, settings: LedgerSettings) {
    this.#sql = sql;
    this.#settings = settings;
    createTables(sql);
    this.#bodies = new BodyStore(sql);
    this.#counters = new Counters(sql);
  }

  /**
   * Takes a batch, or says what it knows of it. Safe to repeat. The row and the body are in
   * the ledger when this returns, so the caller may promise the batch.
   * @returns the receipt, and the ticket to send where the batch is new or came back to life.
   */
  accept(admission: Admission, now: number): { receipt: Receipt; ticket?: Ticket } {
    const key = keyOf(admission);
    // Most batches are new, so inserting is tried before looking.
    if (this.#hasRoom(admission.bytes) && this.#insert(key, admission, now)) {
      const { row_count, bytes } = admission;
      const standing = { state: "pending" as const, batch_run_id: null, row_count, reason: null };
      const ticket = this.#ticketOf({ key, bytes, replays: 0, accepted_at: now });
      return { receipt: { outcome: "accepted", ...standing }, ticket };
    }
    const known = this.find(key);
    return known
      ? this.#acceptKnown(key, known, admission, now)
      : { receipt: { outcome: "overloaded" } };
  }

  /** Whether there is room for more. To look costs two queries, so one that finds room serves for many bytes. */
  #hasRoom(bytes: number): boolean {
    this.#bytesToLook -= bytes;
    if (this.#bytesToLook > 0) return true;
    const room = this.#sql.size() <= SHARD_FULL_BYTES;
    if (room) this.#bytesToLook = SIZE_LOOK_BYTES;
    return room;
  }

  #acceptKnown(
    key: string,
    known: BatchRow,
    { digest, row_count }: Admission,
    now: number,
  ): { receipt: Receipt; ticket?: Ticket } {
    if (known.digest !== digest) {
      if (known.written_digest !== digest) return { receipt: { outcome: "conflict" } };
      // The content that was refused is still here as a dead letter; what is posted now is
      // the content that D1 has, with its own number of rows.
      const { batch_run_id } = known;
      const written = { state: "written" as const, batch_run_id, row_count, reason: null };
      return { receipt: { outcome: "duplicate", ...written } };
    }
    if (isConflict(known)) return { receipt: { outcome: "conflict" } };
    if (known.state === "dead") {
      const [ticket] = this.replay([key], now);
      const standing = { ...standingOf(known), state: "pending" as const, reason: null };
      return { receipt: { outcome: "duplicate", ...standing }, ...(ticket && { ticket }) };
    }
    return { receipt: { outcome: "duplicate", ...standingOf(known) } };
  }

  /** @returns whether the key was new. */
  #insert(key: string, admission: Admission, now: number): boolean {
    const { digest, row_count, bytes, body, dated_at = now, database = 0 } = admission;
    const due = now + this.#settings.redeliverAfterMs;
    const [first = "[]", ...more] = body.parts;
    const values = [key, digest, row_count, bytes, now, dated_at, database, due, body.run, first];
    if (more.length === 0) return this.#sql.exec(INSERT, ...values).length > 0;
    return this.#sql.transaction(() => {
      const inserted = this.#sql.exec(INSERT, ...values).length > 0;
      if (inserted) this.#bodies.addParts(key, more);
      return inserted;
    });
  }

  /** What the ledger knows of a batch, without its body. */
  find(key: string): BatchRow | undefined {
    const [row] = this.#sql.exec(FIND, key);
    return row && batchRowOf(row);
  }

  /** The body of a batch that is not written yet. */
  body(key: string): Body | undefined {
    return this.#bodies.read(key);
  }

  /** Bodies of the batches that are still to be written. Changes nothing. */
  claim(keys: readonly string[]): Claim[] {
    const wanted = JSON.stringify(keys);
    const rows = new Map(this.#sql.exec(CLAIM, wanted).map((row) => [String(row["key"]), row]));
    const parts = this.#bodies.partsOf(keys);
    return keys.map((key) => {
      const row = rows.get(key);
      if (!row) return { state: "unknown", key };
      const { state, digest, accepted_at, row_count, database, replays, attempts, reason } =
        batchRowOf(row);
      if (state !== "pending") return { state, key };
      const body = bodyOf(row, parts.get(key));
      if (!body) throw new Error(`the ledger has no body for ${key}, which is pending`);
      return {
        state,
        key,
        digest,
        accepted_at: new Date(accepted_at).toISOString(),
        row_count,
        database,
        replays,
        attempts,
        reason,
        body,
      };
    });
  }

  /**
   * Records what became of batches. Safe to repeat: written stays written, and a report
   * about other content than the ledger has now changes nothing. Nor does one of an attempt
   * before a replay, unless it tells that the batch is written.
   * @returns the batches that are written or dead now and were not before.
   */
  settle(reports: readonly Report[], now: number): Settled[] {
    const of = (outcome: Report["outcome"]) =>
      reports.filter((report) => report.outcome === outcome);
    const conflicts = of("conflict").map((report) => ({ ...report, reason: CONFLICT }));
    return this.#sql.transaction(() => {
      const written = this.#update(SETTLE, of("written"), now);
      this.#bodies.removeParts(written.map(({ key }) => key));
      this.#countWritten(written);
      const killed = this.#update(KILL, [...of("dead"), ...conflicts], now);
      const failed = of("failed");
      const due = now + this.#settings.redeliverAfterMs;
      if (failed.length > 0) this.#sql.exec(FAIL, JSON.stringify(failed), due);
      return [...written, ...killed];
    });
  }

  /** A row for each stream of a settlement: counting them when the totals are read would read them all. */
  #countWritten(written: readonly Settled[]): void {
    for (const [stream, batches] of Map.groupBy(written, ({ key }) => batchOf(key).stream)) {
      this.#counters.add(`written/${stream}`, batches.length);
    }
  }

  /**
   * Marks dead what the queue gave up on, for the reason of its last attempt. Safe to repeat.
   * @returns the batches that are dead now and were not before.
   */
  bury(burials: readonly Burial[], now: number): Settled[] {
    return this.#update(BURY, burials, now);
  }

  /** Brings dead batches back: pending again, under their own `batch_id`. @returns their tickets. */
  replay(keys: readonly string[], now: number): Ticket[] {
    const after = this.#settings.redeliverAfterMs;
    const replayed = this.#sql.exec(REPLAY, JSON.stringify(keys), now, after);
    return replayed.map((row) => this.#ticketOf(batchRowOf(row)));
  }

  /** Forgets a dead batch and its body. @returns whether there was one. */
  drop(key: string): boolean {
    return this.#sql.transaction(() => {
      const text = `DELETE FROM batches WHERE key = ? AND state = 'dead' RETURNING key`;
      const dropped = keysOf(this.#sql.exec(text, key));
      this.#bodies.removeParts(dropped);
      this.#counters.add(`dropped/${batchOf(key).stream}`, dropped.length);
      return dropped.length > 0;
    });
  }

  /** Tickets of pending batches that nobody settled in time; each is due again later. */
  redeliver(now: number, limit: number): Ticket[] {
    const after = this.#settings.redeliverAfterMs;
    const due = this.#sql.exec(REDELIVER, now, after, limit);
    return due.map((row) => this.#ticketOf(batchRowOf(row)));
  }

  /** Makes pending batches due at a moment, mostly sooner: their tickets could not be sent. */
  reschedule(keys: readonly string[], due_at: number): void {
    this.#sql.exec(RESCHEDULE, JSON.stringify(keys), due_at);
  }

  /** When the next ticket is to be sent again, or null where nothing is pending. */
  nextDue(): number | null {
    const due = this.#sql.exec(NEXT_DUE)[0]?.["due_at"];
    return typeof due === "number" ? due : null;
  }

  #update(text: string, entries: readonly unknown[], now: number): Settled[] {
    if (entries.length === 0) return [];
    return this.#sql.exec(text, JSON.stringify(entries), now).map(settledOf);
  }

  #ticketOf({
    key,
    bytes,
    replays,
    accepted_at,
  }: Pick<BatchRow, "key" | "bytes" | "replays" | "accepted_at">): Ticket {
    return { ...batchOf(key), shard: this.#settings.shard, bytes, replays, accepted_at };
  }
}

/** How a batch stands, as its client is told. */
export function standingOf({ state, batch_run_id, row_count, reason }: Standing): Standing {
  return { state, batch_run_id, row_count, reason };
}

function keysOf(rows: readonly Record<string, SqlValue>[]): string[] {
  return rows.map((row) => String(row["key"]));
}
