import { DurableObject } from "cloudflare:workers";
import { configOf } from "../config.ts";
import { REDELIVER_TICKETS } from "../limits.ts";
import { log, logError, reasonOf } from "../log.ts";
import { type Burial, type Claim, keyOf, type Report, type Ticket } from "../queue/ticket.ts";
import type { SqlValue } from "../sql.ts";
import type { Body } from "../streams/body.ts";
import { realClock } from "./clock.ts";
import {
  countDeadLetters,
  type DeadLetterCursor,
  type DeadLetterFilter,
  listDeadLetters,
} from "./dead-letter-list.ts";
import { type Admission, Ledger, type Receipt, standingOf } from "./ledger.ts";
import { Outbox } from "./outbox.ts";
import type { BatchRow, LedgerSql } from "./schema.ts";
import { shardName, shardNumber } from "./shard-name.ts";
import { Waiters } from "./waiters.ts";

/** How many shards there have been, as shard 0 keeps it. */
const KNOWN_SHARDS = "known-shards";
/** Set in a shard that shard 0 knows of. */
const ANNOUNCED = "announced";

/**
 * One shard of the ledger as a Durable Object: the state machine of `Ledger` on the object's
 * SQLite, with its outbox, its alarm and the callers that wait. Named `shard-<number>`.
 * Every method is safe to repeat.
 */
export class BatchLedger extends DurableObject<Env> {
  readonly #ledger: Ledger;
  readonly #sql: LedgerSql;
  readonly #outbox: Outbox;
  readonly #waiters = new Waiters(realClock);
  readonly #shard: number;
  /** When the alarm is set for, as far as this instance knows. */
  #alarmAt: number | null = null;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const config = configOf(env);
    this.#shard = shardNumber(ctx.id.name);
    this.#sql = ledgerSqlOf(ctx.storage);
    this.#ledger = new Ledger(this.#sql, {
      shard: this.#shard,
      redeliverAfterMs: config.REDELIVER_AFTER_SECONDS * 1000,
      retentionMs: config.LEDGER_RETENTION_DAYS * 24 * 60 * 60 * 1000,
    });
    this.#outbox = new Outbox({
      clock: realClock,
      send: async (tickets) => {
        await env.QUEUE.sendBatch(tickets.map((body) => ({ body, contentType: "json" })));
      },
      onUnsent: (tickets, delay, reason) => this.#resendLater(tickets, delay, reason),
    });
    void ctx.blockConcurrencyWhile(async () => {
      this.#alarmAt = await ctx.storage.getAlarm();
      await this.#announce();
    });
  }

  /**
   * Takes a batch, or says what is known of it.
   * @param wait_ms how long to wait for the batch to be written before answering.
   */
  async accept(admission: Admission, wait_ms: number): Promise<Receipt> {
    const { receipt, ticket } = this.#ledger.accept(admission, Date.now());
    if (ticket) await this.#send([ticket]);
    if (receipt.outcome === "conflict" || receipt.outcome === "overloaded") return receipt;
    if (receipt.state !== "pending" || wait_ms <= 0) return receipt;

    const key = keyOf(admission);
    await this.#waiters.wait(key, wait_ms);
    const row = this.#ledger.find(key);
    if (row?.written_digest) return { outcome: "conflict" };
    return row ? { outcome: receipt.outcome, ...standingOf(row) } : receipt;
  }

  /** How a batch stands, or null where it is unknown here. */
  status(key: string): BatchRow | null {
    return this.#ledger.find(key) ?? null;
  }

  claim(keys: string[]): Claim[] {
    return this.#ledger.claim(keys);
  }

  settle(reports: Report[]): void {
    this.#waiters.settled(this.#ledger.settle(reports, Date.now()));
  }

  bury(burials: Burial[]): void {
    this.#waiters.settled(this.#ledger.bury(burials, Date.now()));
  }

  deadLetters(filter: DeadLetterFilter, after: DeadLetterCursor | null, limit: number): BatchRow[] {
    return listDeadLetters(this.#sql, filter, after ?? undefined, limit);
  }

  /** A dead batch with its body, or null where there is none of that key. */
  deadLetter(key: string): { row: BatchRow; body: Body } | null {
    const row = this.#ledger.find(key);
    const body = row?.state === "dead" ? this.#ledger.body(key) : undefined;
    return row && body ? { row, body } : null;
  }

  /** Brings one dead batch back. @returns whether there was one. */
  async replay(key: string): Promise<boolean> {
    const tickets = this.#ledger.revive([key], Date.now());
    await this.#send(tickets);
    return tickets.length > 0;
  }

  /** How many dead batches the filter has. */
  countDeadLetters(filter: DeadLetterFilter): number {
    return countDeadLetters(this.#sql, filter);
  }

  /**
   * Brings dead batches of the filter back, newest first. With `filter.before` at the start
   * of a replay, a batch that dies again during it is not replayed twice.
   * @returns how many; fewer than `limit` when no more are left.
   */
  async replayAll(filter: DeadLetterFilter, limit: number): Promise<number> {
    const rows = listDeadLetters(this.#sql, filter, undefined, limit);
    const keys = rows.map((row) => row.key);
    const tickets = this.#ledger.revive(keys, Date.now());
    await this.#send(tickets);
    return tickets.length;
  }

  /** Forgets a dead batch. @returns whether there was one. */
  drop(key: string): boolean {
    return this.#ledger.drop(key);
  }

  /** How many shards there have been. Only shard 0 knows. */
  async knownShards(): Promise<number> {
    return (await this.ctx.storage.get<number>(KNOWN_SHARDS)) ?? 1;
  }

  /** Tells shard 0 of a shard. Safe to repeat. */
  async knowShard(shard: number): Promise<void> {
    const known = await this.knownShards();
    if (shard >= known) await this.ctx.storage.put(KNOWN_SHARDS, shard + 1);
  }

  /** Sends again what nobody settled, and forgets what is past the retention. */
  override async alarm(): Promise<void> {
    this.#alarmAt = null;
    try {
      const tickets = this.#ledger.redeliver(Date.now(), REDELIVER_TICKETS);
      if (tickets.length > 0)
        log("ledger.redelivered", { shard: this.#shard, tickets: tickets.length });
      this.#outbox.add(tickets);
      const forgotten = this.#ledger.forget(Date.now());
      if (forgotten > 0) log("ledger.forgot", { shard: this.#shard, batches: forgotten });
    } finally {
      await this.#wake();
    }
  }

  /** The alarm is set before the outbox sends: should the object die in between, the alarm sends. */
  async #send(tickets: readonly Ticket[]): Promise<void> {
    if (tickets.length === 0) return;
    await this.#wake();
    this.#outbox.add(tickets);
  }

  /** Sets the alarm for the next work, unless it is set for then or earlier. */
  async #wake(): Promise<void> {
    const next = this.#ledger.nextWork();
    if (next === null || (this.#alarmAt !== null && this.#alarmAt <= next)) return;
    this.#alarmAt = next;
    await this.ctx.storage.setAlarm(next);
  }

  #resendLater(tickets: readonly Ticket[], delay: number, reason: string): void {
    logError("outbox.unsent", {
      shard: this.#shard,
      tickets: tickets.length,
      delay_ms: delay,
      reason,
    });
    this.#ledger.postpone(tickets.map(keyOf), Date.now() + delay);
    this.ctx.waitUntil(this.#wake());
  }

  /** Shard 0 must know of every shard with batches, so that none is forgotten when their number shrinks. */
  async #announce(): Promise<void> {
    if (this.#shard === 0 || (await this.ctx.storage.get(ANNOUNCED))) return;
    try {
      await this.env.LEDGER.getByName(shardName(0)).knowShard(this.#shard);
      await this.ctx.storage.put(ANNOUNCED, true);
    } catch (error) {
      logError("ledger.announce-failed", { shard: this.#shard, reason: reasonOf(error) });
      throw error;
    }
  }
}

function ledgerSqlOf(storage: DurableObjectStorage): LedgerSql {
  return {
    exec: (text, ...parameters) =>
      storage.sql.exec<Record<string, SqlValue>>(text, ...parameters).toArray(),
    transaction: (work) => storage.transactionSync(work),
    size: () => storage.sql.databaseSize,
  };
}
