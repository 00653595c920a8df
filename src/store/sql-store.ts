import type { SqlResult, SqlStatement, SqlStore, SqlValue } from "../sql.ts";

/**
 * The SQL database of a stream: the binding `<NAME>_DB` where there is one (`BATCH_METRICS_DB`),
 * else `DB`.
 * @returns null where neither is bound.
 * @throws Error where the name is not that of a stream: lower case letters, digits and dashes.
 */
export function createSqlStore(name: string, env: Env): SqlStore | null {
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(name)) {
    throw new Error(
      `"${name}" cannot name a SQL store: use 1 to 40 lower case letters, digits and dashes, starting with a letter`,
    );
  }
  const tablePrefix = `${name.replaceAll("-", "_")}_`;
  const own: unknown = Reflect.get(env, `${tablePrefix.toUpperCase()}DB`);
  const database = isDatabase(own) ? own : env.DB;
  return database ? storeOn(database, tablePrefix) : null;
}

function storeOn(database: D1Database, tablePrefix: string): SqlStore {
  const prepared = ({ text, parameters }: SqlStatement) =>
    database.prepare(text).bind(...parameters);

  return {
    tablePrefix,
    prepare: statement,
    run: async (text, ...parameters) =>
      resultOf(await prepared(statement(text, parameters)).run<Record<string, SqlValue>>()),
    all: async <Row>(text: string, ...parameters: SqlValue[]) =>
      (await prepared(statement(text, parameters)).all<Row>()).results,
    first: <Row>(text: string, ...parameters: SqlValue[]) =>
      prepared(statement(text, parameters)).first<Row>(),
    batch: async (statements) =>
      (await database.batch<Record<string, SqlValue>>(statements.map(prepared))).map(resultOf),
  };
}

function statement(text: string, parameters: readonly SqlValue[] = []): SqlStatement {
  return { text, parameters, bind: (...values) => statement(text, values) };
}

function resultOf<Row>(result: D1Result<Row>): SqlResult<Row> {
  const { changes, rows_written } = result.meta;
  return { rows: result.results, changes, rowsWritten: rows_written };
}

function isDatabase(value: unknown): value is D1Database {
  return typeof value === "object" && value !== null && "prepare" in value && "batch" in value;
}
