import { REDELIVER_TICKETS, RESEND_LONGEST_MS } from "../limits.ts";
import { log, logError, reasonOf } from "../log.ts";
import { type Burial, keyOf, type Report, type Ticket } from "../queue/ticket.ts";
import { Totals } from "./totals.ts";
import type { Clock } from "./clock.ts";
import { type DeadLetterFilter, listDeadLetters } from "./dead-letter-list.ts";
import { Forgetting } from "./forgetting.ts";
import { Intake } from "./intake.ts";
import {
  type Accepted,
  type Admission,
  Ledger,
  type LedgerSettings,
  type Receipt,
  standingOf,
} from "./ledger.ts";
import { Outbox } from "./outbox.ts";
import { isConflict, type LedgerSql } from "./schema.ts";
import { Waiters } from "./waiters.ts";

/** What a shard works with: a Durable Object's parts, or a simulation's. */
export interface ShardPorts {
  sql: LedgerSql;
  clock: Clock;
  /** Sends tickets to the queue. */
  send(tickets: Ticket[]): Promise<void>;
  /** Has `alarm` called at that time, instead of when it was set for before. */
  setAlarm(time: number): Promise<void>;
}

export interface ShardSettings extends LedgerSettings {
  retentionMs: number;
}

/**
 * A shard of the ledger in motion: the state machine with its outbox, its alarm and the
 * callers that wait. It imports no platform. It may end at any await, and another may go on
 * from the same SQLite: what is in memory only (waiting tickets, waiting callers) is made good
 * by the alarm and by asking again.
 */
export class LedgerShard {
  readonly ledger: Ledger;
  readonly totals: Totals;
  readonly forgetting: Forgetting;
  readonly #ports: ShardPorts;
  readonly #shard: number;
  readonly #redeliverAfterMs: number;
  readonly #intake: Intake;
  readonly #outbox: Outbox;
  readonly #waiters: Waiters;
  /** When the alarm is set for, as far as this instance knows. */
  #alarmAt: number | null = null;
  /** Ends when it is set, or cannot be. */
  #alarmSet: Promise<void> = Promise.resolve();

  constructor(ports: ShardPorts, settings: ShardSettings) {
    this.#ports = ports;
    this.#shard = settings.shard;
    this.#redeliverAfterMs = settings.redeliverAfterMs;
    this.ledger = new Ledger(ports.sql, settings);
    this.totals = new Totals(ports.sql, ports.clock);
    this.forgetting = new Forgetting(ports.sql, settings.retentionMs);
    this.#waiters = new Waiters(ports.clock);
    this.#intake = new Intake({
      clock: ports.clock,
      expecting: () => this.#waiters.any,
      ready: () => this.#wakeInTime(),
      store: (admission) => this.#store(admission),
      stored: (tickets, awaited) => this.#outbox.add(tickets, awaited),
    });
    this.#outbox = new Outbox({
      clock: ports.clock,
      send: (tickets) => ports.send(tickets),
      onUnsent: (tickets, delay, reason) => this.#resendLater(tickets, delay, reason),
    });
  }

  /**
   * Goes on where the instance before this one ended.
   * @param alarmAt when its alarm is set for. Should it have ended before it could set one
   *   for what is pending, it is set now.
   */
  async resume(alarmAt: number | null): Promise<void> {
    this.#alarmAt = alarmAt;
    await this.#rearm();
  }

  /**
   * Takes a batch, or says what is known of it. Safe to repeat.
   * @param wait_ms how long to wait for the batch to be settled before answering.
   */
  async accept(admission: Admission, wait_ms: number): Promise<Receipt> {
    const receipt = await this.#intake.add(admission, wait_ms > 0);
    if (receipt.outcome === "conflict" || receipt.outcome === "overloaded") return receipt;
    if (receipt.state !== "pending" || wait_ms <= 0) return receipt;
    // Not awaited here, so that the body is free to go while the caller waits.
    return this.#whenSettled(keyOf(admission), receipt, wait_ms);
  }

  async #whenSettled(key: string, receipt: Accepted, wait_ms: number): Promise<Receipt> {
    const batch = (await this.#waiters.wait(key, wait_ms)) ?? this.ledger.find(key);
    if (batch && isConflict(batch)) return { outcome: "conflict" };
    return batch ? { outcome: receipt.outcome, ...standingOf(batch) } : receipt;
  }

  /**
   * Records what became of batches, and lets their callers go. Safe to repeat. New batches that
   * wait to be stored go along with its commit.
   */
  settle(reports: Report[]): void {
    const settled = this.ledger.settle(reports, this.#ports.clock.now());
    const answered = this.#waiters.letGo(settled);
    this.#intake.joinCommit();
    this.#intake.expectBack(answered);
  }

  /**
   * Marks dead what the queue gave up on, and lets the callers go. Safe to repeat.
   * @returns the keys of those that were pending until now.
   */
  bury(burials: Burial[]): string[] {
    const dead = this.ledger.bury(burials, this.#ports.clock.now());
    this.#waiters.letGo(dead);
    return dead.map(({ key }) => key);
  }

  /** Brings dead batches back. @returns how many of them were dead. */
  async replay(keys: string[]): Promise<number> {
    await this.#wakeInTime();
    const tickets = this.ledger.replay(keys, this.#ports.clock.now());
    this.#outbox.add(tickets);
    return tickets.length;
  }

  /**
   * Brings dead batches of the filter back, newest first. With `filter.before` at the start
   * of a replay, a batch that dies again during it is not replayed twice.
   * @returns how many; fewer than `limit` when no more are left.
   */
  replayAll(filter: DeadLetterFilter, limit: number): Promise<number> {
    const rows = listDeadLetters(this.#ports.sql, filter, undefined, limit);
    return this.replay(rows.map((row) => row.key));
  }

  /** Sends again what nobody settled, and forgets what is past the retention. */
  async alarm(): Promise<void> {
    this.#alarmAt = null;
    try {
      const now = this.#ports.clock.now();
      const tickets = this.ledger.redeliver(now, Math.min(REDELIVER_TICKETS, this.#outbox.room));
      if (tickets.length > 0) {
        log("ledger.redelivered", { shard: this.#shard, tickets: tickets.length });
      }
      this.#outbox.add(tickets);
      this.totals.store();
      const forgotten = this.forgetting.run(now);
      if (forgotten > 0) log("ledger.forgot", { shard: this.#shard, batches: forgotten });
    } finally {
      await this.#rearm();
    }
  }

  #store(admission: Admission) {
    const { receipt, ticket } = this.ledger.accept(admission, this.#ports.clock.now());
    if (receipt.outcome === "duplicate") this.totals.count("duplicates", admission.stream);
    if (receipt.outcome === "conflict") this.totals.count("conflicts", admission.stream);
    return { receipt, ...(ticket && { ticket }) };
  }

  /**
   * Sees to it that the alarm rings before what is accepted now is due again. It comes before
   * a batch is stored, which waits for it, so that no batch is ever without an alarm that will
   * come to it: should this end before the outbox has sent, the alarm sends.
   */
  #wakeInTime(): Promise<void> {
    return this.#wakeBy(this.#ports.clock.now() + this.#redeliverAfterMs);
  }

  /** Sets the alarm for the next work there is. */
  async #rearm(): Promise<void> {
    const now = this.#ports.clock.now();
    // While the outbox is full, what is due has to wait.
    const earliest = this.#outbox.room === 0 ? now + RESEND_LONGEST_MS : now;
    const due = Math.max(earliest, this.ledger.nextDue() ?? Infinity);
    const forget = Math.max(now, this.forgetting.dueAt() ?? Infinity);
    const next = Math.min(due, forget);
    if (next !== Infinity) await this.#wakeBy(next);
  }

  /**
   * Sets the alarm, unless it is set for then or earlier: setting it costs a written row. Who
   * relies on one that is just being set fails with it.
   */
  #wakeBy(time: number): Promise<void> {
    if (this.#alarmAt === null || this.#alarmAt > time) this.#alarmSet = this.#setAlarm(time);
    return this.#alarmSet;
  }

  async #setAlarm(time: number): Promise<void> {
    this.#alarmAt = time;
    try {
      await this.#ports.setAlarm(time);
    } catch (error) {
      this.#alarmAt = null;
      throw error;
    }
  }

  #resendLater(tickets: readonly Ticket[], delay_ms: number, reason: string): void {
    const { clock } = this.#ports;
    logError("outbox.unsent", { shard: this.#shard, tickets: tickets.length, delay_ms, reason });
    void this.#dueAgain(tickets, clock.now() + delay_ms);
  }

  /** Should this fail, they are due as before: the tickets go out later, but they do. */
  async #dueAgain(tickets: readonly Ticket[], due: number): Promise<void> {
    try {
      this.ledger.reschedule(tickets.map(keyOf), due);
      await this.#wakeBy(due);
    } catch (error) {
      logError("ledger.alarm-failed", { shard: this.#shard, reason: reasonOf(error) });
    }
  }
}
