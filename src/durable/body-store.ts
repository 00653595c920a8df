import type { SqlValue } from "../sql.ts";
import type { Body } from "../streams/body.ts";
import type { LedgerSql } from "./schema.ts";

/** The bodies of batches: the first part lies in the batch's own row, further ones here. */
export class BodyStore {
  readonly #sql: LedgerSql;
  /** Whether any batch may have further parts: where none is over `BODY_PART_BYTES`, nobody looks for them. */
  #anyParts: boolean;

  constructor(sql: LedgerSql) {
    this.#sql = sql;
    this.#anyParts = sql.exec("SELECT 1 FROM body_parts LIMIT 1").length > 0;
  }

  /** Keeps the parts after the first. */
  addParts(key: string, parts: readonly string[]): void {
    this.#anyParts = true;
    for (const [index, part] of parts.entries()) {
      const text = "INSERT INTO body_parts (key, number, part) VALUES (?, ?, ?)";
      this.#sql.exec(text, key, index + 1, part);
    }
  }

  /** The body of a batch, or undefined where it is written or unknown. */
  read(key: string): Body | undefined {
    const [row = {}] = this.#sql.exec("SELECT run, part FROM batches WHERE key = ?", key);
    return bodyOf(row, this.partsOf([key]).get(key));
  }

  /** The parts after the first, in order, of those of the batches that have any. */
  partsOf(keys: readonly string[]): Map<string, string[]> {
    if (!this.#anyParts) return new Map();
    const text = `
      SELECT key, part FROM body_parts
      WHERE key IN (SELECT value FROM json_each(?)) ORDER BY key, number`;
    const parts = new Map<string, string[]>();
    for (const { key, part } of this.#sql.exec(text, JSON.stringify(keys))) {
      const known = parts.get(String(key));
      if (known) known.push(String(part));
      else parts.set(String(key), [String(part)]);
    }
    return parts;
  }

  removeParts(keys: readonly string[]): void {
    if (!this.#anyParts || keys.length === 0) return;
    const text = "DELETE FROM body_parts WHERE key IN (SELECT value FROM json_each(?))";
    this.#sql.exec(text, JSON.stringify(keys));
  }
}

/** The body of a row of `batches` with its further parts; undefined where it has none any more. */
export function bodyOf(
  { run, part }: Record<string, SqlValue>,
  more: readonly string[] = [],
): Body | undefined {
  if (typeof run !== "string" || typeof part !== "string") return undefined;
  return { run, parts: [part, ...more] };
}
