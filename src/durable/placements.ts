import type { LedgerSql } from "./schema.ts";

/**
 * Over how many databases a shard has ever spread the batches of each stream. What the ledger
 * has forgotten is in a database that one of these numbers gives for its key, and in no other.
 */
export class Placements {
  readonly #sql: LedgerSql;
  /** What this instance has noted, or found noted. */
  readonly #noted = new Set<string>();

  constructor(sql: LedgerSql) {
    this.#sql = sql;
  }

  /** Notes a number before a batch is placed by it: a written row the first time, nothing from then on. */
  note(stream: string, databases: number): void {
    const name = `${PREFIX}${stream}/${databases}`;
    if (this.#noted.has(name)) return;
    this.#sql.exec("INSERT OR IGNORE INTO notes (name, value) VALUES (?, 1)", name);
    this.#noted.add(name);
  }

  /** The numbers, or null where the shard has batches from before they were noted. */
  of(stream: string): number[] | null {
    if (this.#sql.exec("SELECT 1 FROM notes WHERE name = 'placements-noted'").length === 0) {
      return null;
    }
    const start = `${PREFIX}${stream}/`;
    const text = "SELECT name FROM notes WHERE name > ? AND name < ? || ':'";
    return this.#sql.exec(text, start, start).map(({ name }) => {
      return Number(String(name).slice(start.length));
    });
  }
}

const PREFIX = "placed/";

/** The numbers of all shards; null where those of one are not known. */
export function union(each: readonly (readonly number[] | null)[]): number[] | null {
  const numbers = new Set<number>();
  for (const own of each) {
    if (own === null) return null;
    for (const number of own) numbers.add(number);
  }
  return [...numbers];
}
