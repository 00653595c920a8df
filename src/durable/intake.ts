import { COMPANY_MS, INTAKE_MS, RETURN_MS } from "../limits.ts";
import type { Ticket } from "../queue/ticket.ts";
import type { Clock } from "./clock.ts";
import type { Admission, Receipt } from "./ledger.ts";

/** What the intake works with. */
export interface IntakePorts {
  clock: Clock;
  /** Whether callers wait here for batches to be written: then more are likely to come. */
  expecting(): boolean;
  /** Called before anything is stored. Where it fails, nothing is. */
  ready(): Promise<void>;
  /** Stores one batch, or says what is known of it. */
  store(admission: Admission): { receipt: Receipt; ticket?: Ticket };
  /** Takes the tickets of what was stored, and whether a caller waits for one of them. */
  stored(tickets: Ticket[], awaited: boolean): void;
}

interface Arrival {
  admission: Admission;
  /** Whether its caller waits until it is written. */
  awaited: boolean;
  resolve: (receipt: Receipt) => void;
  reject: (error: unknown) => void;
}

/**
 * Stores batches that arrive together in one turn, and so in one commit of the platform's: a
 * commit costs the same for one batch as for sixty. One that comes alone, as the one before it
 * did, waits for nobody. Callers that were answered a moment ago tend to post again at once: while
 * they come, the turn waits on, and ends with the last of them.
 */
export class Intake {
  readonly #ports: IntakePorts;
  #waiting: Arrival[] = [];
  /** Ends the wait for company. */
  #cancel: (() => void) | undefined;
  /** When the last batch came, in milliseconds since 1970. */
  #lastAt = 0;
  /** Whether the last turn stored a single batch. */
  #lastAlone = false;
  /**
   * How many of the callers that were answered a moment ago have not come again. It is only a count:
   * one that never comes stays in it until RETURN_MS pass without an answer, and until then turns
   * end by the clock.
   */
  #returning = 0;
  /** Until when they are waited for, in milliseconds since 1970. */
  #returningUntil = 0;

  constructor(ports: IntakePorts) {
    this.#ports = ports;
  }

  /** @param awaited whether its caller waits until it is written. */
  add(admission: Admission, awaited: boolean): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      const now = this.#ports.clock.now();
      const alone = this.#comesAlone(now);
      const last = awaited && this.#lastToReturn(now);
      this.#waiting.push({ admission, awaited, resolve, reject });
      const first = this.#waiting.length === 1;
      if (last || (first && alone)) void this.#storeWaiting();
      else if (first) this.#waitForCompany();
    });
  }

  /** So many callers that waited were answered just now, and tend to come again. */
  expectBack(callers: number): void {
    if (callers === 0) return;
    const now = this.#ports.clock.now();
    this.#returning = callers + (now < this.#returningUntil ? this.#returning : 0);
    this.#returningUntil = now + RETURN_MS;
  }

  /** Stores what waits. Whoever calls this has just written, and both make one commit, unless the turn is not ready. */
  joinCommit(): void {
    if (this.#waiting.length > 0) void this.#storeWaiting();
  }

  /** Counts a caller that comes now. @returns whether it is the last of those that were answered. */
  #lastToReturn(now: number): boolean {
    if (this.#returning === 0 || now >= this.#returningUntil) return false;
    this.#returning -= 1;
    return this.#returning === 0;
  }

  /** Waits once, and again as long as callers came again meanwhile and more of them are to come. */
  #waitForCompany(): void {
    const { clock } = this.#ports;
    const before = this.#returning;
    this.#cancel = clock.after(INTAKE_MS, () => {
      const someCame = this.#returning < before;
      if (someCame && clock.now() < this.#returningUntil) this.#waitForCompany();
      else void this.#storeWaiting();
    });
  }

  /** Whether nothing tells of others that are about to come. */
  #comesAlone(now: number): boolean {
    const since = now - this.#lastAt;
    this.#lastAt = now;
    return this.#lastAlone && since > COMPANY_MS && !this.#ports.expecting();
  }

  async #storeWaiting(): Promise<void> {
    this.#cancel?.();
    this.#cancel = undefined;
    const arrivals = this.#waiting;
    this.#waiting = [];
    this.#lastAlone = arrivals.length === 1;
    try {
      await this.#ports.ready();
    } catch (error) {
      for (const { reject } of arrivals) reject(error);
      return;
    }
    const tickets: Ticket[] = [];
    let anyAwaited = false;
    for (const { admission, awaited, resolve, reject } of arrivals) {
      try {
        const { receipt, ticket } = this.#ports.store(admission);
        if (ticket) {
          tickets.push(ticket);
          anyAwaited ||= awaited;
        }
        resolve(receipt);
      } catch (error) {
        reject(error);
      }
    }
    this.#ports.stored(tickets, anyAwaited);
  }
}
