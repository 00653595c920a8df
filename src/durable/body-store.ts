import type { Body } from "../streams/body.ts";
import type { LedgerSql } from "./schema.ts";

/** The bodies of batches: the first part lies in the batch's own row, further ones here. */
export class BodyStore {
  readonly #sql: LedgerSql;

  constructor(sql: LedgerSql) {
    this.#sql = sql;
  }

  /** Keeps the parts after the first. */
  addParts(key: string, parts: readonly string[]): void {
    for (const [index, part] of parts.entries()) {
      const text = "INSERT INTO body_parts (key, number, part) VALUES (?, ?, ?)";
      this.#sql.exec(text, key, index + 1, part);
    }
  }

  /** The body of a batch, or undefined where it is written or unknown. */
  read(key: string): Body | undefined {
    const [row] = this.#sql.exec("SELECT run, part FROM batches WHERE key = ?", key);
    if (typeof row?.["run"] !== "string" || typeof row["part"] !== "string") return undefined;
    const text = "SELECT part FROM body_parts WHERE key = ? ORDER BY number";
    const more = this.#sql.exec(text, key).map((part) => String(part["part"]));
    return { run: row["run"], parts: [row["part"], ...more] };
  }

  removeParts(keys: readonly string[]): void {
    if (keys.length === 0) return;
    const text = "DELETE FROM body_parts WHERE key IN (SELECT value FROM json_each(?))";
    this.#sql.exec(text, JSON.stringify(keys));
  }
}
