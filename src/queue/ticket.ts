import * as v from "valibot";
import { chunksOf } from "../chunks.ts";
import { GROUP_BYTES } from "../limits.ts";
import type { Body } from "../streams/body.ts";

/** The claim to a body that the ledger keeps. Messages outlive deploys: a new field needs a default, and none may go. */
export const Ticket = v.object({
  stream: v.string(),
  batch_id: v.string(),
  /** The shard that keeps the body: it stays right when the number of shards changes. */
  shard: v.pipe(v.number(), v.integer(), v.minValue(0)),
  /** Size of the body, by which the writer forms its groups before it reads any. */
  bytes: v.pipe(v.number(), v.minValue(0)),
  /** How often the batch had been replayed, so that an old ticket cannot bury a replayed batch. */
  replays: v.number(),
  /** When the batch was accepted, in milliseconds since 1970, so that it cannot bury one that was dropped or forgotten and posted again. */
  accepted_at: v.number(),
});
export type Ticket = v.InferOutput<typeof Ticket>;

/** A message in the queue: tickets that were sent together. The queue bills by the message. */
export const TicketMessage = v.object({ tickets: v.pipe(v.array(Ticket), v.minLength(1)) });
export type TicketMessage = v.InferOutput<typeof TicketMessage>;

/** The tickets as messages, each with no more bytes of bodies to write than a group may have. */
export function messagesOf(tickets: readonly Ticket[]): TicketMessage[] {
  const chunks = chunksOf(tickets, ({ bytes }) => bytes, GROUP_BYTES);
  return chunks.map((together) => ({ tickets: together }));
}

/** What the ledger and its callers know a batch by. A stream's name has no slash. */
export function keyOf(batch: { stream: string; batch_id: string }): string {
  return `${batch.stream}/${batch.batch_id}`;
}

/** The batch that a key names: the reverse of `keyOf`. */
export function batchOf(key: string): { stream: string; batch_id: string } {
  const slash = key.indexOf("/");
  return { stream: key.slice(0, slash), batch_id: key.slice(slash + 1) };
}

/** What the ledger has for a ticket. Only a pending batch is to be written. */
export type Claim =
  | {
      state: "pending";
      key: string;
      digest: string;
      accepted_at: string;
      row_count: number;
      /** The number of the database that it goes to. */
      database: number;
      /** How often it has been replayed. */
      replays: number;
      /** How often it could not be written, and why the last time. */
      attempts: number;
      reason: string | null;
      body: Body;
    }
  | { state: "written" | "dead" | "unknown"; key: string };

/** Which attempt a report is of. */
export interface Attempt {
  key: string;
  /** Which content the report is true of. */
  digest: string;
  /** When the batch was accepted, in milliseconds since 1970: one that was posted again after it was dropped or forgotten is another. */
  accepted_at: number;
  /** As the claim had it. A report from before a replay is passed over, unless it is that the batch is written: that is true whatever was replayed. */
  replays: number;
}

/** What the writer tells the ledger of a batch. */
export type Report = Attempt &
  (
    | {
        outcome: "written";
        batch_run_id: number | null;
        /** From when retention counts the batch's age, in milliseconds since 1970, if D1 had it already and that may be earlier than the ledger knows. */
        dated_at?: number;
      }
    /** D1 has this `batch_id` with other content. */
    | { outcome: "conflict"; batch_run_id: number; written_digest: string }
    /** It can never be written. */
    | { outcome: "dead"; reason: string }
    /** It could not be written this time. */
    | { outcome: "failed"; reason: string }
  );

/** The queue gave up on a ticket. */
export type Burial = { key: string } & Pick<Ticket, "replays" | "accepted_at">;

/** The ledger as the queue's consumers see it. */
export interface LedgerPort {
  /** Bodies of the batches that are still to be written. Changes nothing. */
  claim(shard: number, keys: string[]): Promise<Claim[]>;
  /** Records what became of batches. Safe to repeat: a written batch stays written. */
  settle(shard: number, reports: Report[]): Promise<void>;
  /**
   * Marks batches dead, with the last reason recorded for each. Safe to repeat.
   * @returns the keys of those that were pending until now.
   */
  bury(shard: number, burials: Burial[]): Promise<string[]>;
}
