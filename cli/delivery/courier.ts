import pLimit, { type LimitFunction } from "p-limit";
import type { Spool } from "../spool/spool.ts";
import type { Entry } from "../spool/entry.ts";
import { streamOf } from "./prepare.ts";
import { type Outcome, send, type SendOptions } from "./send.ts";
import { waitUntilSettled } from "./wait.ts";

/** What became of one upload. */
export interface Delivery {
  source: string;
  stream: string;
  batch_id: string;
  rows: number;
  /**
   * `written`, `pending` and `dead`: the service has it. `spooled` and `refused`: it is in the
   * spool, for another attempt, or with the reason why there is none.
   */
  state: "written" | "pending" | "dead" | "spooled" | "refused";
  duplicate: boolean;
  reason?: string;
}

/** Takes uploads from the spool to the service, several at once. */
export class Courier {
  readonly deliveries: Delivery[] = [];
  readonly #spool: Spool;
  readonly #options: SendOptions;
  readonly #limit: LimitFunction;
  readonly #onDelivery: (delivery: Delivery) => void;
  readonly #taken = new Map<number, Promise<void>>();

  constructor(
    spool: Spool,
    options: SendOptions,
    concurrency: number,
    onDelivery: (delivery: Delivery) => void,
  ) {
    this.#spool = spool;
    this.#options = options;
    this.#limit = pLimit(concurrency);
    this.#onDelivery = onDelivery;
  }

  /** Sends an upload of the spool, when its turn comes, and no upload twice. Returns at once. */
  take(id: number): void {
    if (!this.#taken.has(id))
      this.#taken.set(
        id,
        this.#limit(() => this.#deliver(id)),
      );
  }

  /** All is taken: resolves when it has come to an end, at the deadline at the latest. @throws what nobody foresaw. */
  async finish(): Promise<void> {
    this.#options.deadline.begin();
    await Promise.all(this.#taken.values());
  }

  async #deliver(id: number): Promise<void> {
    const entry = this.#spool.find(id);
    const body = entry && this.#spool.body(id);
    // Another process has delivered it since.
    if (!entry || !body) return;
    this.#spool.renew(id);
    const { path } = streamOf(entry.stream);
    const outcome = await send(path, body, this.#options);
    const settled = await this.#awaitWrite(entry, path, outcome);
    const delivery = this.#settle(entry, settled);
    this.deliveries.push(delivery);
    this.#onDelivery(delivery);
  }

  async #awaitWrite(entry: Entry, path: string, outcome: Outcome): Promise<Outcome> {
    const waits = this.#options.wait && outcome.kind === "taken" && outcome.status === "pending";
    if (!waits) return outcome;
    const where = `${path}/${encodeURIComponent(entry.batch_id)}`;
    const answer = await waitUntilSettled(this.#options.connection, where, this.#options.signal);
    if (answer?.status !== "written" && answer?.status !== "dead") return outcome;
    return { ...outcome, status: answer.status, ...(answer.reason && { reason: answer.reason }) };
  }

  #settle(entry: Entry, outcome: Outcome): Delivery {
    const { source, stream, batch_id, rows } = entry;
    const common = { source, stream, batch_id, rows, duplicate: false };
    if (outcome.kind === "taken") {
      this.#spool.remove(entry.id);
      const { status, duplicate, reason } = outcome;
      return { ...common, state: status, duplicate, ...(reason && { reason }) };
    }
    const { status, reason, attempts } = outcome;
    const state = outcome.kind === "refused" ? "refused" : "waiting";
    this.#spool.setBack(entry.id, { state, attempts, status, reason });
    return { ...common, state: state === "refused" ? "refused" : "spooled", reason };
  }
}
