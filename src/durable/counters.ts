import { isUnder, type LedgerSql } from "./schema.ts";

const ADD = `
  INSERT INTO notes (name, value) VALUES ('count/' || ?, ?)
  ON CONFLICT (name) DO UPDATE SET value = value + excluded.value`;

const UNDER = `SELECT name, value FROM notes WHERE ${isUnder("name", "?1")}`;

/** Numbers that only grow, kept by their names: `forgotten/batch-metrics`. */
export class Counters {
  readonly #sql: LedgerSql;

  constructor(sql: LedgerSql) {
    this.#sql = sql;
  }

  /** Adds to a number. Within a transaction it is as exact as what it counts. */
  add(name: string, number: number): void {
    if (number > 0) this.#sql.exec(ADD, name, number);
  }

  /** The numbers whose names start so, by the rest of their names. */
  under(prefix: string): Record<string, number> {
    const start = `count/${prefix}`;
    const rows = this.#sql.exec(UNDER, start);
    return Object.fromEntries(
      rows.map(({ name, value }) => [String(name).slice(start.length + 1), Number(value)]),
    );
  }
}
