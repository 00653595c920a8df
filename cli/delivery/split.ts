import { MAX_ROWS } from "../../src/limits.ts";
import type { Stream } from "../../src/streams/stream.ts";
import { suffixed } from "../batch-id.ts";
import { PART_BYTES } from "../limits.ts";

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
