import { MAX_ROWS } from "../../src/limits.ts";
import type { Stream } from "../../src/streams/stream.ts";
import { suffixed } from "../batch-id.ts";
import { PART_BYTES } from "../limits.ts";

type Upload = Record<string, unknown>;

/** Fields of a run that count its rows by their result, and so are wrong for a part. */
const COUNTS = new Set(["passed", "failed", "skipped", "success_rate"]);

/** Fields that would be counted once for each part. They go with the first. */
const TOTALS = new Set(["macos_minutes", "linux_minutes"]);

/**
 * An upload that is over the service's limits as numbered parts, each a batch of its own;
 * one below them as it is. Each part counts its own rows, and the first also what the upload
 * counts without a row for it. The same upload is always split in the same way, so that sending it
 * again repeats the same batches.
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
      ...(index === 0 && countsWithoutRows(upload, rows, group)),
      [stream.rowsField]: group,
    };
  });
}

/**
 * The first part's counts, if the upload counts more than it has rows for: otherwise the service
 * computes them. As there, a count that is absent is that of the rows, and so is an absent rate.
 */
function countsWithoutRows(upload: Upload, rows: unknown[], first: unknown[]): Upload {
  const total = Number(upload["total_recipes"]);
  if (!(total > rows.length)) return {};
  const all = Map.groupBy(rows, resultOf);
  const others = Map.groupBy(rows.slice(first.length), resultOf);
  const left = (name: string) => {
    const count = Number(upload[name] ?? all.get(name)?.length ?? 0);
    return Math.max(0, count - (others.get(name)?.length ?? 0));
  };
  const passed = left("passed");
  const total_recipes = total - rows.length + first.length;
  const rated = (upload["success_rate"] ?? null) !== null;
  return {
    total_recipes,
    passed,
    failed: left("failed"),
    skipped: left("skipped"),
    ...(rated && { success_rate: Math.min(1, passed / total_recipes) }),
  };
}

function resultOf(row: unknown): unknown {
  return typeof row === "object" && row !== null ? Reflect.get(row, "result") : undefined;
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
