import * as v from "valibot";

/** An upload the service has not acknowledged yet. */
export const Entry = v.object({
  id: v.number(),
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
export const Count = v.object({ count: v.number() });

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
