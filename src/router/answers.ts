import * as v from "valibot";
import { PROBLEM_TYPE } from "../problem.ts";
import { BatchId, Count } from "../streams/fields.ts";
import type { Stream } from "../streams/stream.ts";
import { uploadSchemaOf } from "../streams/upload-schema.ts";

/*
 * What the service answers, for the API description. The handlers do not read these schemas: a
 * test holds every real answer to them.
 */

const Timestamp = v.pipe(v.string(), v.isoTimestamp());
const WholeNumber = v.pipe(v.number(), v.integer());

/** Every failure, RFC 9457. */
export const ProblemDetails = v.strictObject({
  type: v.pipe(v.string(), v.startsWith(PROBLEM_TYPE)),
  title: v.string(),
  status: v.pipe(v.number(), v.integer()),
  detail: v.string(),
  instance: v.pipe(v.string(), v.metadata({ format: "uri" })),
  errors: v.optional(v.array(v.strictObject({ path: v.string(), message: v.string() }))),
});

/** An upload that was written. */
export function uploadWritten(stream: Stream) {
  return v.strictObject({
    batch_id: BatchId,
    status: v.literal("written"),
    batch_run_id: runIdOf(stream),
    [stream.rowsField]: Count,
  });
}

/** An upload that is kept: it will be written, or the database refused it for good. */
export const UploadKept = v.variant("status", [
  v.strictObject({ batch_id: BatchId, status: v.literal("pending") }),
  v.strictObject({ batch_id: BatchId, status: v.literal("dead"), reason: v.string() }),
]);

const unwritten = {
  batch_id: BatchId,
  accepted_at: Timestamp,
  attempts: Count,
  replays: Count,
  replayed_at: v.nullable(Timestamp),
};

/** A batch that waits to be written. */
export const Pending = v.strictObject({
  ...unwritten,
  status: v.literal("pending"),
  last_error: v.nullable(v.string()),
});

/** A batch that is among the dead letters, as its client is told. */
export const Dead = v.strictObject({
  ...unwritten,
  status: v.literal("dead"),
  reason: v.string(),
  died_at: Timestamp,
  /** What to do about it. */
  next: v.string(),
});

/** How a batch of the stream stands. */
export function batchStanding(stream: Stream) {
  const fields = Object.entries(stream.run.entries);
  const written = v.strictObject({
    batch_id: BatchId,
    status: v.literal("written"),
    batch_run_id: runIdOf(stream),
    [stream.rowsField]: Count,
    accepted_at: Timestamp,
    // Null where D1 has the run and the ledger no longer knows when it was written.
    written_at: v.nullable(Timestamp),
    // Null once retention has deleted it.
    run: stream.tables
      ? v.nullable(v.strictObject(Object.fromEntries(fields.map(storedField))))
      : v.null(),
  });
  return v.variant("status", [Pending, written, Dead]);
}

/** A stream without tables has no run to give an id to. */
function runIdOf(stream: Stream) {
  return stream.tables ? WholeNumber : v.null();
}

/** A field as D1 gives it back: always there, and null where the upload had none. */
function storedField([name, field]: [string, v.GenericSchema]): [string, v.GenericSchema] {
  return [name, mayBeAbsent(field) ? v.nullable(field.wrapped) : field];
}

function mayBeAbsent(
  field: v.GenericSchema,
): field is v.NullishSchema<v.GenericSchema, unknown> | v.OptionalSchema<v.GenericSchema, unknown> {
  return field.type === "nullish" || field.type === "optional";
}

const deadLetter = {
  stream: v.string(),
  batch_id: BatchId,
  reason: v.string(),
  attempts: Count,
  rows: Count,
  bytes: Count,
  accepted_at: Timestamp,
  died_at: Timestamp,
  replays: Count,
  replayed_at: v.nullable(Timestamp),
};

/** A dead letter in the list. It may be of a stream that the service no longer takes. */
export const DeadLetter = v.strictObject(deadLetter);

/** A page of the dead letters. */
export const DeadLetters = v.strictObject({
  dead_letters: v.array(DeadLetter),
  total: Count,
  next_cursor: v.nullable(v.string()),
});

/** One dead letter, with the batch as it could be posted. */
export function deadLetterWithBatch(streams: readonly Stream[]) {
  return v.variant("stream", streams.map(letterOf));
}

function letterOf(stream: Stream) {
  return v.strictObject({
    ...deadLetter,
    stream: v.literal(stream.name),
    batch: uploadSchemaOf(stream),
  });
}

/** A dead batch that is pending again. */
export const Replayed = v.strictObject({
  stream: v.string(),
  batch_id: BatchId,
  status: v.literal("pending"),
});

/** Dead batches that are pending again, and how many of the filter are not yet. */
export const ReplayedMany = v.strictObject({ replayed: Count, left: Count });

/** Written batches that the ledger has forgotten, and those of the filter that are left. */
export const Forgotten = v.strictObject({ forgotten: Count, left: Count });

/** What became of a stream's batches. */
export const StreamTotals = v.strictObject({
  accepted: Count,
  written: Count,
  dead: Count,
  pending: Count,
  dropped: Count,
  forgotten: Count,
  duplicates: Count,
  conflicts: Count,
  /** By the kind of problem. */
  rejected: v.record(v.string(), Count),
  // Two machines' clocks: it may be below zero.
  oldest_pending_seconds: v.nullable(WholeNumber),
});

/** The totals of all streams. */
export function ledgerTotals(streams: readonly Stream[]) {
  const totals = streams.map(({ name }) => [name, StreamTotals] as const);
  return v.strictObject({ shards: Count, streams: v.strictObject(Object.fromEntries(totals)) });
}

export const Health = v.strictObject({
  status: v.literal("ok"),
  version: v.string(),
  time: Timestamp,
});

/** OpenAPI 3.1, which has a schema of its own. */
export const ApiDescription = v.looseObject({
  openapi: v.string(),
  info: v.looseObject({ title: v.string(), version: v.string() }),
  paths: v.record(v.string(), v.looseObject({})),
});

export const FrontPage = v.strictObject({
  service: v.literal("millrace"),
  api: v.literal("/openapi.json"),
  health: v.literal("/healthz"),
});
