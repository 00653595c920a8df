import {
  OUTBOX_MS,
  OUTBOX_TICKETS,
  RESEND_FIRST_MS,
  RESEND_LONGEST_MS,
  SEND_TICKETS,
  SEND_TIMEOUT_MS,
  SENDS_AT_ONCE,
} from "../limits.ts";
import { reasonOf } from "../log.ts";
import type { Ticket } from "../queue/ticket.ts";
import type { Clock } from "./clock.ts";

/** What the outbox works with. */
export interface OutboxPorts {
  send(tickets: Ticket[]): Promise<void>;
  /** The tickets are not known to be sent: send them again after the delay. */
  onUnsent(tickets: Ticket[], retryAfterMs: number, reason: string): void;
  clock: Clock;
}

/**
 * Sends tickets to the queue, many at once where many wait. It never holds up nor fails who
 * adds one: a send that fails or hangs hands its tickets back to the ledger, which has them
 * in any case. So do those that are too many to hold. A ticket may so be sent twice, which is
 * harmless.
 */
export class Outbox {
  readonly #ports: OutboxPorts;
  /** Tickets that nobody waits for: they go with others, or a little later. */
  #gathering: Ticket[] = [];
  #endGathering: (() => void) | undefined;
  /** Tickets that go as soon as a send may begin. */
  #waiting: Ticket[] = [];
  #underWay = 0;
  #failures = 0;

  constructor(ports: OutboxPorts) {
    this.#ports = ports;
  }

  /** How many tickets more it takes. */
  get room(): number {
    return Math.max(0, OUTBOX_TICKETS - this.#gathering.length - this.#waiting.length);
  }

  /** @param awaited whether a caller waits for these batches to be written: then they go at once. */
  add(tickets: readonly Ticket[], awaited = false): void {
    const taken = tickets.slice(0, this.room);
    const left = tickets.slice(taken.length);
    if (left.length > 0) this.#ports.onUnsent(left, RESEND_LONGEST_MS, "too many tickets wait");
    if (taken.length === 0) return;
    this.#gathering.push(...taken);
    if (awaited || this.#gathering.length >= SEND_TICKETS) this.#sendGathered();
    else this.#endGathering ??= this.#ports.clock.after(OUTBOX_MS, () => this.#sendGathered());
  }

  #sendGathered(): void {
    this.#endGathering?.();
    this.#endGathering = undefined;
    this.#waiting.push(...this.#gathering.splice(0));
    while (this.#waiting.length > 0 && this.#underWay < SENDS_AT_ONCE) {
      this.#underWay += 1;
      void this.#sendWaiting();
    }
  }

  async #sendWaiting(): Promise<void> {
    // Yields once, so that the tickets of one turn go together.
    await Promise.resolve();
    try {
      while (this.#waiting.length > 0) await this.#send(this.#waiting.splice(0, SEND_TICKETS));
    } finally {
      this.#underWay -= 1;
    }
  }

  async #send(tickets: Ticket[]): Promise<void> {
    const { promise: timeout, reject } = Promise.withResolvers<never>();
    const cancel = this.#ports.clock.after(SEND_TIMEOUT_MS, () =>
      reject(new Error(`the queue did not answer within ${SEND_TIMEOUT_MS} ms`)),
    );
    try {
      await Promise.race([this.#ports.send(tickets), timeout]);
      this.#failures = 0;
    } catch (error) {
      this.#failures += 1;
      const delay = Math.min(RESEND_LONGEST_MS, RESEND_FIRST_MS * 2 ** (this.#failures - 1));
      this.#ports.onUnsent(tickets, delay, reasonOf(error));
    } finally {
      cancel();
    }
  }
}
