import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { LedgerSql } from "../../src/durable/schema.ts";
import type { SqlResult, SqlStatement, SqlStore, SqlValue } from "../../src/sql.ts";

/** SQLite in memory, with its statements kept prepared. */
export class Database {
  readonly #database = new DatabaseSync(":memory:");
  readonly #statements = new Map<string, StatementSync>();

  exec(text: string): void {
    this.#database.exec(text);
  }

  /** A function that SQL may call. */
  define(name: string, work: () => number): void {
    this.#database.function(name, work);
  }

  all(text: string, parameters: readonly SqlValue[] = []): Record<string, SqlValue>[] {
    return this.#prepare(text)
      .all(...parameters)
      .map(rowOf);
  }

  changes(text: string, parameters: readonly SqlValue[]): number {
    return Number(this.#prepare(text).run(...parameters).changes);
  }

  transaction<Result>(work: () => Result): Result {
    this.exec("BEGIN");
    try {
      const result = work();
      this.exec("COMMIT");
      return result;
    } catch (error) {
      this.exec("ROLLBACK");
      throw error;
    }
  }

  close(): void {
    this.#database.close();
  }

  #prepare(text: string): StatementSync {
    let prepared = this.#statements.get(text);
    if (!prepared) {
      prepared = this.#database.prepare(text);
      this.#statements.set(text, prepared);
    }
    return prepared;
  }
}

/** A stream's databases, asked as one: the answers of all, one after the other. */
export class Databases {
  readonly each: readonly Database[];

  constructor(count: number, schema: string) {
    this.each = Array.from({ length: count }, () => new Database());
    for (const database of this.each) database.exec(schema);
  }

  all(text: string, parameters: readonly SqlValue[] = []): Record<string, SqlValue>[] {
    return this.each.flatMap((database) => database.all(text, parameters));
  }

  close(): void {
    for (const database of this.each) database.close();
  }
}

const SIZE = `
  SELECT count(*) * 100 + coalesce(sum(length(run) + length(part)), 0)
    + (SELECT coalesce(sum(length(part)), 0) FROM body_parts) AS size FROM batches`;

/** About what a ledger stores, in bytes. */
export function sizeOf(database: Database): number {
  return Number(database.all(SIZE)[0]?.["size"]);
}

/** The database as a ledger instance sees it, until that instance has ended. */
export function ledgerSqlOn(database: Database, check: () => void): LedgerSql {
  return {
    exec(text, ...parameters) {
      check();
      return text.trim() === "" ? [] : database.all(text, parameters);
    },
    transaction(work) {
      check();
      return database.transaction(work);
    },
    size: () => sizeOf(database),
  };
}

/**
 * The database as the writer sees it: asynchronous, and with whatever goes wrong.
 * @param around is called with what is to be done, and decides whether and when.
 */
export function sqlStoreOn(
  database: Database,
  around: <Result>(work: () => Result) => Promise<Result>,
): SqlStore {
  const execute = ({ text, parameters }: SqlStatement): SqlResult => {
    if (/^\s*SELECT/i.test(text)) {
      return { rows: database.all(text, parameters), changes: 0, rowsWritten: 0 };
    }
    if (/\sRETURNING\s/i.test(text)) {
      const rows = database.all(text, parameters);
      return { rows, changes: rows.length, rowsWritten: rows.length };
    }
    const changes = database.changes(text, parameters);
    return { rows: [], changes, rowsWritten: changes };
  };
  return {
    tablePrefix: "",
    prepare: statement,
    run: (text, ...parameters) => around(() => execute(statement(text, parameters))),
    // As D1's rows come, over a wire.
    all: (text, ...parameters) =>
      around(() => JSON.parse(JSON.stringify(database.all(text, parameters)))),
    first: () => Promise.reject(new Error("the writer does not use first()")),
    batch: (statements) => around(() => database.transaction(() => statements.map(execute))),
  };
}

function statement(text: string, parameters: readonly SqlValue[] = []): SqlStatement {
  return { text, parameters, bind: (...values) => statement(text, values) };
}

function rowOf(row: Record<string, unknown>): Record<string, SqlValue> {
  const values: Record<string, SqlValue> = {};
  for (const [name, value] of Object.entries(row)) {
    if (typeof value === "string" || typeof value === "number" || value === null)
      values[name] = value;
  }
  return values;
}
