import { jsonArraysOf } from "../chunks.ts";
import { BODY_PART_BYTES } from "../limits.ts";
import type { Batch, Stream, Values } from "./stream.ts";

/**
 * A batch as it is kept and carried: JSON text that goes into SQL statements as it is, so
 * nothing parses it between the upload and SQLite.
 */
export interface Body {
  /** The run, a JSON object. */
  run: string;
  /**
   * The rows, JSON arrays of at most `BODY_PART_BYTES`; at least one. A row is an array too: its
   * values in the order of the stream's fields, null where one is absent and ended by the last
   * that is there. So a field that a stream gets at its end changes no body and no digest.
   */
  parts: string[];
}

/** A body with what identifies it. */
export interface EncodedBody {
  body: Body;
  /** SHA-256 of the batch's normal form, in hexadecimal. How it is cut into parts has no part in it. */
  digest: string;
  /** UTF-8 length of the normal form. */
  bytes: number;
}

const encoder = new TextEncoder();

/** Puts a batch into the form in which it is kept. */
export async function encodeBody(stream: Stream, batch: Batch): Promise<EncodedBody> {
  const columns = Object.keys(stream.row.entries);
  const values = batch.rows.map((row) => valuesOf(row, columns));
  const run = JSON.stringify(batch.run);
  const rows = JSON.stringify(values);
  const text = encoder.encode(`${run}\n${rows}`);
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", text));
  const parts = text.length <= BODY_PART_BYTES ? [rows] : partsOf(values);
  return { body: { run, parts }, digest: hexOf(hash), bytes: text.length };
}

/** The batch of a body: what `encodeBody` was given. */
export function decodeBody(stream: Stream, batch_id: string, body: Body): Batch {
  const columns = Object.keys(stream.row.entries);
  const run: Values = JSON.parse(body.run);
  const rows: unknown[][] = body.parts.flatMap((part) => JSON.parse(part));
  return { batch_id, run, rows: rows.map((values) => rowOf(values, columns)) };
}

/** The upload that would be this batch, for a person to read or to post elsewhere. */
export function uploadOf(stream: Stream, batch: Batch): Values {
  return { batch_id: batch.batch_id, ...batch.run, [stream.rowsField]: batch.rows };
}

/** Lower-case hexadecimal. */
function hexOf(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function valuesOf(row: Values, columns: readonly string[]): unknown[] {
  const last = columns.findLastIndex((column) => row[column] !== undefined);
  return columns.slice(0, last + 1).map((column) => row[column]);
}

function rowOf(values: readonly unknown[], columns: readonly string[]): Values {
  const fields = columns.map((column, index) => [column, values[index] ?? null] as const);
  return Object.fromEntries(fields.filter(([, value]) => value !== null));
}

function partsOf(rows: unknown[][]): string[] {
  if (rows.length === 0) return ["[]"];
  return jsonArraysOf(
    rows.map((row) => JSON.stringify(row)),
    BODY_PART_BYTES,
  );
}
