import pLimit, { type LimitFunction } from "p-limit";
import { reasonOf } from "../failure.ts";
import type { Kept, NewEntry } from "../spool/entry.ts";
import type { Spool } from "../spool/spool.ts";
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
   * spool, for another attempt, or with the reason why there is none. `lost`: nobody has it.
   */
  state: "written" | "pending" | "dead" | "spooled" | "refused" | "lost";
  duplicate: boolean;
  reason?: string;
}

/** An upload on its way. Without an id it is in no spool, but only here. */
type Parcel = Omit<Kept, "id" | "state"> & { id?: number };

/** Takes uploads from the spool to the service, several at once. Each comes to one delivery. */
export class Courier {
  readonly deliveries: Delivery[] = [];
  /** What the spool could not do. That an upload is sent again for it costs nothing: it is taken once. */
  readonly troubles = new Set<string>();
  readonly #spool: Spool;
  readonly #options: SendOptions;
  readonly #limit: LimitFunction;
  readonly #onDelivery: (delivery: Delivery) => void;
  readonly #taken = new Set<number>();
  /** Nothing here holds an upload's body beyond its delivery. */
  readonly #delivering: Promise<void>[] = [];

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

  /** Keeps an upload in the spool, and sends it; what the spool has no room for is sent all the same. */
  post(entry: NewEntry): void {
    const kept = this.#attempt(() => this.#spool.add(entry));
    if (kept) this.take(kept);
    else this.#begin(nameOf(entry), () => new Uint8Array(entry.body));
  }

  /** Sends an upload of the spool, when its turn comes, and no upload twice. Returns at once. */
  take(kept: Kept): void {
    if (this.#taken.has(kept.id)) return;
    this.#taken.add(kept.id);
    this.#begin(kept, () => this.#spool.body(kept.id));
  }

  /** Whether the deadline has passed, or the user stopped it: nothing is sent any more. */
  get stopped(): boolean {
    return this.#options.signal.aborted;
  }

  /** All is taken: resolves when it has come to an end, at the deadline at the latest. */
  async finish(): Promise<void> {
    this.#options.deadline.begin();
    await Promise.all(this.#delivering);
  }

  #begin(parcel: Parcel, read: () => Uint8Array<ArrayBuffer> | undefined): void {
    const delivering = this.#limit(async () => {
      const delivery = await this.#deliver(parcel, read);
      this.deliveries.push(delivery);
      this.#onDelivery(delivery);
    });
    this.#delivering.push(delivering);
  }

  /** Whatever happens to one upload must not end the others. */
  async #deliver(
    parcel: Parcel,
    read: () => Uint8Array<ArrayBuffer> | undefined,
  ): Promise<Delivery> {
    try {
      const body = this.#noted(read);
      if (!body) {
        const reason = "another process that uses the spool has sent it";
        return { ...nameOf(parcel), state: "pending", duplicate: false, reason };
      }
      const { id } = parcel;
      if (id !== undefined) this.#attempt(() => this.#spool.renew(id));
      const { path } = streamOf(parcel.stream);
      const outcome = await send(path, body, this.#options);
      return this.#settle(parcel, await this.#awaitWrite(parcel, path, outcome));
    } catch (error) {
      return this.#undelivered(parcel, "spooled", reasonOf(error));
    }
  }

  async #awaitWrite(parcel: Parcel, path: string, outcome: Outcome): Promise<Outcome> {
    const waits = this.#options.wait && outcome.kind === "taken" && outcome.status === "pending";
    if (!waits) return outcome;
    const where = `${path}/${encodeURIComponent(parcel.batch_id)}`;
    const answer = await waitUntilSettled(this.#options.connection, where, this.#options.signal);
    if (answer?.status !== "written" && answer?.status !== "dead") return outcome;
    return { ...outcome, status: answer.status, ...(answer.reason && { reason: answer.reason }) };
  }

  #settle(parcel: Parcel, outcome: Outcome): Delivery {
    const { id } = parcel;
    if (outcome.kind === "taken") {
      if (id !== undefined) this.#attempt(() => this.#spool.remove(id));
      const { status, duplicate, reason } = outcome;
      return { ...nameOf(parcel), state: status, duplicate, ...(reason && { reason }) };
    }
    const { status, reason, attempts } = outcome;
    const state = outcome.kind === "refused" ? "refused" : "waiting";
    if (id !== undefined) {
      this.#attempt(() => this.#spool.setBack(id, { state, attempts, status, reason }));
    }
    return this.#undelivered(parcel, state === "refused" ? "refused" : "spooled", reason);
  }

  #undelivered(parcel: Parcel, state: "spooled" | "refused", reason: string): Delivery {
    return {
      ...nameOf(parcel),
      state: this.#keeps(parcel) ? state : "lost",
      duplicate: false,
      reason,
    };
  }

  /** Whether the spool still answers for an upload. What is no more in it another process has sent, or dropped. */
  #keeps({ id }: Parcel): boolean {
    if (id === undefined || !this.#spool.lasting) return false;
    try {
      this.#noted(() => this.#spool.find(id));
      return true;
    } catch {
      return false;
    }
  }

  #attempt<Result>(work: () => Result): Result | undefined {
    try {
      return this.#noted(work);
    } catch {
      return undefined;
    }
  }

  #noted<Result>(work: () => Result): Result {
    try {
      return work();
    } catch (error) {
      this.troubles.add(reasonOf(error));
      throw error;
    }
  }
}

function nameOf({ source, stream, batch_id, rows }: Parcel) {
  return { source, stream, batch_id, rows };
}
