import { MAX_UPLOAD_BYTES } from "../../src/limits.ts";
import { reasonOf } from "../failure.ts";
import type { Entry, NewEntry } from "../spool/entry.ts";
import type { Spool } from "../spool/spool.ts";
import type { Delivery } from "./delivery.ts";
import { streamOf } from "./prepare.ts";
import { type Outcome, send, type SendOptions } from "./send.ts";
import { waitUntilSettled } from "./wait.ts";

/** An upload on its way. Without an id it is in no spool, but only here. */
type Parcel = Pick<
  Entry,
  "source" | "stream" | "batch_id" | "rows" | "bytes" | "state" | "last_error"
> & { id?: number };

type Read = () => Uint8Array<ArrayBuffer> | undefined;
type Taken = Extract<Outcome, { kind: "taken" }>;
type Undelivered = Extract<Outcome, { kind: "refused" | "failed" }>;

const GONE = "another process took it out of the spool: it was sent, or dropped";

/** What a service of the client's own limit would have taken. */
const LOWER_LIMIT = `this client sends up to ${MAX_UPLOAD_BYTES} bytes at once: give the service a MAX_UPLOAD_BYTES of as many, and then run millrace flush --refused`;

/** Takes uploads from the spool to the service, several at once. Each comes to one delivery. */
export class Courier {
  readonly deliveries: Delivery[] = [];
  /** What the spool could not do. That an upload is sent again for it costs nothing: it is taken once. */
  readonly troubles = new Set<string>();
  readonly #spool: Spool;
  readonly #options: SendOptions;
  readonly #onDelivery: (delivery: Delivery) => void;
  readonly #taken = new Set<number>();
  /** Nothing here holds an upload's body beyond its delivery. */
  readonly #delivering: Promise<void>[] = [];

  constructor(spool: Spool, options: SendOptions, onDelivery: (delivery: Delivery) => void) {
    this.#spool = spool;
    this.#options = options;
    this.#onDelivery = onDelivery;
  }

  /** Keeps an upload in the spool, and sends it; what the spool has no room for is sent all the same. */
  post(entry: NewEntry): void {
    const kept = this.#attempt(() => this.#spool.add(entry));
    if (kept) this.#take(kept);
    else {
      const { body, ...parcel } = entry;
      this.#begin({ ...parcel, state: "waiting", last_error: null }, () => new Uint8Array(body));
    }
  }

  /**
   * Takes the next uploads of the spool, once all that was taken before has been tried; the
   * deadline counts from now. Where the spool takes no claim, as on a full disk, they are sent all
   * the same: what two processes send is taken once.
   * @param refused also those that the service refused for good.
   * @param after only those that come after this one.
   * @returns the last of them; undefined where there are none, or nothing is sent any more.
   */
  async takeNext(most: number, refused: boolean, after?: Entry): Promise<Entry | undefined> {
    this.#options.deadline.begin();
    await this.#options.pace.reached();
    if (!this.#options.service.connection || this.#options.signal.aborted) return undefined;
    const next =
      this.#attempt(() => this.#spool.claim(most, refused, after)) ??
      this.#attempt(() => this.#spool.read(most, refused, after)) ??
      [];
    for (const entry of next) this.#take(entry);
    return next.at(-1);
  }

  /** Resolves when all that was taken has come to an end, at the deadline at the latest. */
  async finish(): Promise<void> {
    this.#options.deadline.begin();
    await Promise.all(this.#delivering);
  }

  /** No upload is sent twice. */
  #take(entry: Entry): void {
    if (this.#taken.has(entry.id)) return;
    this.#taken.add(entry.id);
    this.#begin(entry, () => {
      this.#attempt(() => this.#spool.renew(entry.id));
      return this.#noted(() => this.#spool.body(entry.id));
    });
  }

  #begin(parcel: Parcel, read: Read): void {
    this.#delivering.push(this.#deliver(parcel, read));
  }

  async #deliver(parcel: Parcel, read: Read): Promise<void> {
    const delivery = await this.#bring(parcel, read);
    this.deliveries.push(delivery);
    this.#onDelivery(delivery);
  }

  /** Whatever happens to one upload must not end the others. */
  async #bring(parcel: Parcel, read: Read): Promise<Delivery> {
    try {
      const { path } = streamOf(parcel.stream);
      const outcome = await send(path, read, this.#options);
      if (outcome.kind === "gone") return this.#undelivered(parcel, "spooled", GONE);
      if (outcome.kind !== "taken") return this.#setBack(parcel, outcome);
      const { id } = parcel;
      if (id !== undefined) this.#attempt(() => this.#spool.remove(id));
      const { status, duplicate, reason } = await this.#awaitWrite(parcel, path, outcome);
      return { ...nameOf(parcel), state: status, duplicate, ...(reason && { reason }) };
    } catch (error) {
      return this.#undelivered(parcel, "spooled", reasonOf(error));
    }
  }

  async #awaitWrite(parcel: Parcel, path: string, taken: Taken): Promise<Taken> {
    const { wait, service } = this.#options;
    if (!wait || !service.connection || taken.status !== "pending") return taken;
    const where = `${path}/${encodeURIComponent(parcel.batch_id)}`;
    const answer = await waitUntilSettled(where, service.connection, this.#options);
    if (answer?.status !== "written" && answer?.status !== "dead") return taken;
    return { ...taken, status: answer.status, ...(answer.reason && { reason: answer.reason }) };
  }

  #setBack(parcel: Parcel, outcome: Undelivered): Delivery {
    const { id, bytes } = parcel;
    const { kind, status, attempts } = outcome;
    const lower = status === 413 && bytes <= MAX_UPLOAD_BYTES;
    const reason = lower ? `${outcome.reason} (${LOWER_LIMIT})` : outcome.reason;
    const state = kind === "refused" ? "refused" : "waiting";
    if (id !== undefined) {
      this.#attempt(() => this.#spool.setBack(id, { state, attempts, status, reason }));
    }
    // What was not even tried is refused still, for its old reason.
    if (attempts === 0 && parcel.state === "refused") {
      return this.#undelivered(parcel, "refused", parcel.last_error ?? reason);
    }
    return this.#undelivered(parcel, kind === "refused" ? "refused" : "spooled", reason);
  }

  #undelivered(parcel: Parcel, state: "spooled" | "refused", reason: string): Delivery {
    const told = this.#looked(parcel, state);
    return {
      ...nameOf(parcel),
      state: told,
      duplicate: false,
      reason: told === "gone" ? GONE : reason,
    };
  }

  /** The state of what should be in the spool, after a look whether it is. */
  #looked({ id }: Parcel, state: "spooled" | "refused"): Delivery["state"] {
    if (id === undefined || !this.#spool.lasting) return "lost";
    try {
      return this.#noted(() => this.#spool.find(id)) ? state : "gone";
    } catch {
      return "lost";
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
