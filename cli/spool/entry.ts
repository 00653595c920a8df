import * as v from "valibot";

/** An upload the service has not acknowledged yet. */
export const Entry = v.object({
  id: v.number(),
  /** Of the service it is meant for. Empty where none was configured: it goes to whichever comes next. */
  address: v.string(),
  stream: v.string(),
  batch_id: v.string(),
  /** Where it came from: a file, or `-`. */
  source: v.string(),
  rows: v.number(),
  /** Bytes of the JSON before compression. */
  bytes: v.number(),
  /** `refused`: the service said no for good; it is kept with the reason and blocks nobody. */
  state: v.picklist(["waiting", "refused"]),
  attempts: v.number(),
  /** HTTP status of the service's last answer, or null where there was none, or not of the service. */
  last_status: v.nullable(v.number()),
  last_error: v.nullable(v.string()),
  created_at: v.string(),
  claimed: v.pipe(
    v.number(),
    v.transform((flag) => flag === 1),
  ),
});
export type Entry = v.InferOutput<typeof Entry>;

/** The upload itself: its JSON text, gzipped. */
export const EntryBody = v.object({ body: v.instance(Uint8Array) });

export const Id = v.object({ id: v.number() });
export const Owner = v.object({ claimed_by: v.string() });

export const OwnCounts = v.object({ waiting: v.number(), refused: v.number() });

/** How many uploads are kept for another address than the one at hand. */
export const Elsewhere = v.object({ address: v.string(), uploads: v.number() });
export type Elsewhere = v.InferOutput<typeof Elsewhere>;

/** What is kept. No upload is counted twice. */
export interface Tally {
  /** Of those that are meant: for the address at hand, or for none. */
  waiting: number;
  /** Of those that are meant; and of the others those that a flush would send only if told to. */
  refused: number;
  /** What a flush for another address would send, by that address. */
  elsewhere: Elsewhere[];
}

/** All of them together, whatever the address. */
export function uploadsIn(elsewhere: readonly Pick<Elsewhere, "uploads">[]): number {
  return elsewhere.reduce((sum, { uploads }) => sum + uploads, 0);
}

/** What is put into the spool. */
export interface NewEntry {
  stream: string;
  batch_id: string;
  /** SHA-256 of the batch's normal form, as the service computes it. */
  digest: string;
  source: string;
  rows: number;
  bytes: number;
  body: Uint8Array;
}
