/** A value that SQLite stores. */
export type SqlValue = string | number | null;

/** One statement with its parameters. */
export interface SqlStatement {
  readonly text: string;
  readonly parameters: readonly SqlValue[];
  /** The same statement with these parameters, `?1` first. */
  bind(...parameters: SqlValue[]): SqlStatement;
}

/** What a statement did. */
export interface SqlResult<Row = Record<string, SqlValue>> {
  rows: Row[];
  /** Rows inserted, updated or deleted. */
  changes: number;
  /** Rows of tables and indexes that the platform bills as written. */
  rowsWritten: number;
}

/** A stream's SQL database. `createSqlStore` gives the one on D1. */
export interface SqlStore {
  /** What a stream may start its tables' names with, so that two streams do not collide. */
  readonly tablePrefix: string;
  prepare(text: string): SqlStatement;
  run(text: string, ...parameters: SqlValue[]): Promise<SqlResult>;
  all<Row>(text: string, ...parameters: SqlValue[]): Promise<Row[]>;
  first<Row>(text: string, ...parameters: SqlValue[]): Promise<Row | null>;
  /** Runs the statements in one transaction: all of them, or none. */
  batch(statements: readonly SqlStatement[]): Promise<SqlResult[]>;
}
