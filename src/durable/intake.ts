import { INTAKE_MS } from "../limits.ts";
import type { Ticket } from "../queue/ticket.ts";
import type { Clock } from "./clock.ts";
import type { Admission, Receipt } from "./ledger.ts";

/** What the intake works with. */
export interface IntakePorts {
  clock: Clock;
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
 * commit costs the same for one batch as for sixty.
 */
export class Intake {
  readonly #ports: IntakePorts;
  #waiting: Arrival[] = [];

  constructor(ports: IntakePorts) {
    this.#ports = ports;
  }

  /** @param awaited whether its caller waits until it is written. */
  add(admission: Admission, awaited: boolean): Promise<Receipt> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ admission, awaited, resolve, reject });
      if (this.#waiting.length === 1)
        this.#ports.clock.after(INTAKE_MS, () => void this.#storeWaiting());
    });
  }

  async #storeWaiting(): Promise<void> {
    const arrivals = this.#waiting;
    this.#waiting = [];
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
