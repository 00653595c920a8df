import { MAX_MESSAGE_LENGTH } from "../../src/limits.ts";
import type { Stream } from "../../src/streams/stream.ts";
import { DEFAULTS } from "./defaults.ts";

type Row = Record<string, unknown>;

/** Millrace's own columns of a run. */
const OF_A_RUN = ["id", "batch_id", "digest", "write_id", "accepted_at", "row_count"];

/**
 * What SQLite gives back otherwise than it was sent, for a batch that the service accepted; what was
 * not sent must be null, or the default that is documented.
 */
export function changed(
  { name, rowsField, tables }: Stream,
  sent: Row,
  run: Row | undefined,
  stored: readonly Row[],
): string[] {
  if (!run) return ["it was accepted, and is not in D1"];
  const defaults = DEFAULTS[name];
  if (!defaults) throw new Error(`the fuzzer does not know the defaults of the stream "${name}"`);
  const { batch_id: _, [rowsField]: list, ...fields } = sent;
  const rows: Row[] = Array.isArray(list) ? list : [];
  const found = differences("", fields, run, defaults.run(sent, rows), OF_A_RUN);
  if (rows.length !== stored.length || rows.length !== run["row_count"]) {
    found.push(
      `${rows.length} ${rowsField} were sent, ${stored.length} are stored, and row_count is ${String(run["row_count"])}`,
    );
  }
  const own = ["id", tables?.runColumn ?? ""];
  for (const [index, row] of rows.entries()) {
    const path = `${rowsField}[${index}].`;
    found.push(...differences(path, row, stored[index] ?? {}, defaults.row(run), own));
  }
  return found;
}

/** Goes over what was sent and over what is stored, so that nothing is left out on either side. */
function differences(
  path: string,
  sent: Row,
  stored: Row,
  defaults: Row,
  own: readonly string[],
): string[] {
  const columns = Object.keys(stored).filter((column) => !own.includes(column));
  // JSON has no undefined.
  const fields = Object.keys(sent).filter((field) => sent[field] !== undefined);
  return [...new Set([...columns, ...fields])].flatMap((field) => {
    const expected = sent[field] ?? defaults[field] ?? null;
    if (same(field, expected, stored[field])) return [];
    const [was, is] = [expected, stored[field]].map((value) => JSON.stringify(value));
    return `${path}${field}: ${was} became ${is}`;
  });
}

function same(field: string, sent: unknown, stored: unknown): boolean {
  return (
    Object.is(sent, stored) ||
    // JSON has no -0.
    (sent === 0 && stored === 0) ||
    (sent !== null &&
      field.endsWith("_at") &&
      Date.parse(normal(sent)) === Date.parse(String(stored))) ||
    (field === "error_message" && wasCut(sent, stored))
  );
}

/** An offset without its colon is ISO 8601, and Date.parse does not know it. */
function normal(moment: unknown): string {
  return String(moment).replace(/([+-]\d\d)(\d\d)$/, "$1:$2");
}

function wasCut(sent: unknown, stored: unknown): boolean {
  if (typeof sent !== "string" || typeof stored !== "string") return false;
  if (sent.length <= MAX_MESSAGE_LENGTH) return false;
  const kept = sent.slice(0, MAX_MESSAGE_LENGTH).toWellFormed();
  return stored === `${kept}… [${sent.length - MAX_MESSAGE_LENGTH} more characters cut]`;
}
