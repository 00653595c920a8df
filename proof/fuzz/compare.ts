import { MAX_MESSAGE_LENGTH } from "../../src/limits.ts";

type Row = Record<string, unknown>;

/**
 * What SQLite gives back otherwise than it was sent, for a batch that the service accepted.
 * @param rowsField the field of the upload that has its rows.
 */
export function changed(
  sent: Row,
  rowsField: string,
  run: Row | undefined,
  stored: readonly Row[],
): string[] {
  if (!run) return ["it was accepted, and is not in D1"];
  const { batch_id: _, [rowsField]: rows, ...fields } = sent;
  const list: unknown[] = Array.isArray(rows) ? rows : [];
  const found = Object.entries(fields).flatMap(([name, value]) =>
    difference(name, value, run[name]),
  );
  if (list.length !== stored.length)
    found.push(`${list.length} ${rowsField} were sent, ${stored.length} are stored`);
  for (const [index, row] of list.entries()) {
    for (const [name, value] of Object.entries(row ?? {})) {
      found.push(...difference(`${rowsField}[${index}].${name}`, value, stored[index]?.[name]));
    }
  }
  return found;
}

function difference(path: string, sent: unknown, stored: unknown): string[] {
  const same =
    // Absent and null are the same; what is absent may be computed.
    sent === null ||
    sent === undefined ||
    Object.is(sent, stored) ||
    // JSON has no -0.
    (sent === 0 && stored === 0) ||
    (path.endsWith("_at") && Date.parse(normal(sent)) === Date.parse(String(stored))) ||
    (path.endsWith("error_message") && wasCut(sent, stored));
  return same ? [] : [`${path}: ${JSON.stringify(sent)} became ${JSON.stringify(stored)}`];
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
