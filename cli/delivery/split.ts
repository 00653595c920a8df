import { shortHash } from "../short-hash.ts";
import { MAX_ROWS } from "../../src/limits.ts";
import type { Stream } from "../../src/streams/stream.ts";
import { MAX_BATCH_ID_LENGTH, PART_BYTES } from "../limits.ts";

type Upload = Record<string, unknown>;

/** Fields of a run that count its rows, and so are wrong for a part; the service computes them. */
const COUNTS = new Set(["passed", "failed", "skipped", "success_rate"]);

/** Fields that would be counted once for each part. They go with the first. */
const TOTALS = new Set(["macos_minutes", "linux_minutes"]);

/**
 * An upload that is over the service's limits as numbered parts, each a batch of its own;
 * one below them as it is. The same upload is always split in the same way, so that sending
 * it again repeats the same batches.
 */
export function splitUpload(stream: Stream, upload: Upload): Upload[] {
  const rows = upload[stream.rowsField];
  const batch_id = upload["batch_id"];
  // What has another form is left to the validation, which says so.
  if (!Array.isArray(rows) || typeof batch_id !== "string") return [upload];
  const groups = groupsOf(rows);
  if (groups.length <= 1) return [upload];
  return groups.map((group, index) => {
    const head = Object.entries(upload).filter(
      ([name]) => !COUNTS.has(name) && (index === 0 || !TOTALS.has(name)),
    );
    return {
      ...Object.fromEntries(head),
      batch_id: suffixed(batch_id, `.part${index + 1}of${groups.length}`),
      ...("total_recipes" in upload && { total_recipes: group.length }),
      [stream.rowsField]: group,
    };
  });
}

/** A name with a suffix; one that gets too long loses its middle to a hash of the whole. */
export function suffixed(name: string, suffix: string): string {
  const whole = `${name}${suffix}`;
  if (whole.length <= MAX_BATCH_ID_LENGTH) return whole;
  const hash = shortHash(whole, 16);
  const tail = `-${hash}`;
  const end = suffix.length <= 40 ? suffix : "";
  return `${name.slice(0, MAX_BATCH_ID_LENGTH - tail.length - end.length)}${tail}${end}`;
}

function groupsOf(rows: unknown[]): unknown[][] {
  const groups: unknown[][] = [];
  let group: unknown[] = [];
  let bytes = 0;
  for (const row of rows) {
    const length = Buffer.byteLength(JSON.stringify(row) ?? "") + 1;
    if (group.length >= MAX_ROWS || (group.length > 0 && bytes + length > PART_BYTES)) {
      groups.push(group);
      group = [];
      bytes = 0;
    }
    group.push(row);
    bytes += length;
  }
  return [...groups, group];
}
