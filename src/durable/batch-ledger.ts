import { DurableObject } from "cloudflare:workers";
import { configOf } from "../config.ts";
import { AUDIT_ROWS } from "../limits.ts";
import { logError, reasonOf } from "../log.ts";
import { type Burial, type Claim, messagesOf, type Report, type Ticket } from "../queue/ticket.ts";
import type { SqlValue } from "../sql.ts";
import type { Body } from "../streams/body.ts";
import type { StreamCounts } from "./totals.ts";
import { realClock } from "./clock.ts";
import {
  countDeadLetters,
  type DeadLetterCursor,
  type DeadLetterFilter,
  listDeadLetters,
} from "./dead-letter-list.ts";
import type { ForgetOrder } from "./forgetting.ts";
import { LedgerShard } from "./ledger-shard.ts";
import type { Admission, Receipt } from "./ledger.ts";
import type { BatchRow, LedgerSql } from "./schema.ts";
import { shardName, shardNumber } from "./shard-name.ts";

/** How many shards there have been, as shard 0 keeps it. */
const KNOWN_SHARDS = "known-shards";
/** The key up to which the audit has come. */
const AUDITED_TO = "audited-to";
/** Set in a shard that shard 0 knows of. */
const ANNOUNCED = "announced";

/**
 * One shard of the ledger as a Durable Object, named `shard-<number>`: `LedgerShard` on the
 * object's own SQLite, alarm and queue. Repeating a call does no harm. But `bury`, `replay`,
 * `replayAll`, `drop` and `forget` answer what they changed, which is nothing the second time, and
 * `countRejected` counts twice: all but `bury`, whose answer is only logged, go by `callShardOnce`.
 */
export class BatchLedger extends DurableObject<Env> {
  readonly #shard: LedgerShard;
  readonly #number: number;
  readonly #sql: LedgerSql;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    const config = configOf(env);
    this.#number = shardNumber(ctx.id.name);
    this.#sql = ledgerSqlOf(ctx.storage);
    this.#shard = new LedgerShard(
      {
        sql: this.#sql,
        clock: realClock,
        send: (tickets) => sendTickets(env.QUEUE, tickets),
        setAlarm: (time) => ctx.storage.setAlarm(time),
      },
      {
        shard: this.#number,
        redeliverAfterMs: config.REDELIVER_AFTER_SECONDS * 1000,
        retentionMs: config.LEDGER_RETENTION_DAYS * 24 * 60 * 60 * 1000,
      },
    );
    void ctx.blockConcurrencyWhile(async () => {
      await this.#shard.resume(await ctx.storage.getAlarm());
      await this.#announce();
    });
  }

  /** Takes a batch, or says what is known of it, after at most `wait_ms`. */
  accept(admission: Admission, wait_ms: number): Promise<Receipt> {
    return this.#shard.accept(admission, wait_ms);
  }

  /** How a batch stands, or null where it is unknown here. */
  status(key: string): BatchRow | null {
    return this.#shard.ledger.find(key) ?? null;
  }

  claim(keys: string[]): Claim[] {
    return this.#shard.ledger.claim(keys);
  }

  settle(reports: Report[]): void {
    this.#shard.settle(reports);
  }

  /** @returns the keys of those that were pending until now. */
  bury(burials: Burial[]): string[] {
    return this.#shard.bury(burials);
  }

  deadLetters(filter: DeadLetterFilter, after: DeadLetterCursor | null, limit: number): BatchRow[] {
    return listDeadLetters(this.#sql, filter, after ?? undefined, limit);
  }

  /** How many dead batches the filter has. */
  countDeadLetters(filter: DeadLetterFilter): number {
    return countDeadLetters(this.#sql, filter);
  }

  /** A dead batch with its body, or null where there is none of that key. */
  deadLetter(key: string): { row: BatchRow; body: Body } | null {
    const { ledger } = this.#shard;
    const row = ledger.find(key);
    const body = row?.state === "dead" ? ledger.body(key) : undefined;
    return row && body ? { row, body } : null;
  }

  /** Brings one dead batch back. @returns whether there was one. */
  async replay(key: string): Promise<boolean> {
    return (await this.#shard.replay([key])) > 0;
  }

  /** Brings dead batches of the filter back. @returns how many. */
  replayAll(filter: DeadLetterFilter, limit: number): Promise<number> {
    return this.#shard.replayAll(filter, limit);
  }

  /** Forgets a dead batch. @returns whether there was one. */
  drop(key: string): boolean {
    return this.#shard.ledger.drop(key);
  }

  /** Forgets written batches. @returns how many, and how many are left to the next call. */
  forget(order: ForgetOrder): { forgotten: number; left: number } {
    return this.#shard.forgetting.forget(order);
  }

  /** What became of each stream's batches in this shard. */
  totals(streams: string[]): StreamCounts[] {
    return streams.map((stream) => this.#shard.totals.of(stream));
  }

  /** Counts uploads that were refused: `[stream, kind of problem, number]`. */
  countRejected(rejected: [stream: string, kind: string, number: number][]): void {
    for (const [stream, kind, number] of rejected) {
      this.#shard.totals.countRejected(stream, kind, number);
    }
  }

  /** The next stretch of written batches for the audit, and where the one after it begins. */
  async nextForAudit(): Promise<{ rows: BatchRow[]; next: string }> {
    const from = (await this.ctx.storage.get<string>(AUDITED_TO)) ?? "";
    const rows = this.#shard.totals.writtenAfter(from);
    // Past the last one it begins again.
    const next = rows.length === AUDIT_ROWS ? (rows.at(-1)?.key ?? "") : "";
    return { rows, next };
  }

  /** Remembers how far the audit has come: a stretch that could not be compared comes again. */
  async auditedTo(key: string): Promise<void> {
    const known = (await this.ctx.storage.get<string>(AUDITED_TO)) ?? "";
    if (key !== known) await this.ctx.storage.put(AUDITED_TO, key);
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

  override alarm(): Promise<void> {
    return this.#shard.alarm();
  }

  /** Shard 0 must know of every shard with batches, so that none is forgotten when their number shrinks. */
  async #announce(): Promise<void> {
    if (this.#number === 0 || (await this.ctx.storage.get(ANNOUNCED))) return;
    try {
      await this.env.LEDGER.getByName(shardName(0)).knowShard(this.#number);
      await this.ctx.storage.put(ANNOUNCED, true);
    } catch (error) {
      logError("ledger.announce-failed", { shard: this.#number, reason: reasonOf(error) });
      throw error;
    }
  }
}

/** Sends tickets in as few messages as they fit into: one, unless their bodies are large. */
export async function sendTickets(queue: Env["QUEUE"], tickets: readonly Ticket[]): Promise<void> {
  const contentType = "json" as const;
  const messages = messagesOf(tickets);
  const [only] = messages;
  // A message by itself is less work to take than a batch of one.
  if (only && messages.length === 1) await queue.send(only, { contentType });
  else await queue.sendBatch(messages.map((body) => ({ body, contentType })));
}

/** A Durable Object's SQLite, as the ledger uses it. */
export function ledgerSqlOf(storage: DurableObjectStorage): LedgerSql {
  return {
    exec: (text, ...parameters) =>
      storage.sql.exec<Record<string, SqlValue>>(text, ...parameters).toArray(),
    transaction: (work) => storage.transactionSync(work),
    size: () => storage.sql.databaseSize,
  };
}
