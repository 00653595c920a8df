import { MAX_DATABASES } from "../limits.ts";
import type { SqlResult, SqlStatement, SqlStore, SqlValue } from "../sql.ts";

/**
 * The SQL database of a stream: the binding `<NAME>_DB` where there is one (`BATCH_METRICS_DB`),
 * else `DB`. Where a stream has several, this is the first.
 * @returns null where neither is bound.
 * @throws Error where the name is not that of a stream: lower case letters, digits and dashes.
 */
export function createSqlStore(name: string, env: Env): SqlStore | null {
  return createSqlStores(name, env)[0] ?? null;
}

/**
 * All databases of a stream that are bound, by their numbers.
 * @throws Error as `createSqlStore` does.
 */
export function createSqlStores(name: string, env: Env): SqlStore[] {
  const bindings = bindingsOf(name, (binding) => isDatabase(Reflect.get(env, binding)));
  const databases = bindings.map((binding): unknown => Reflect.get(env, binding));
  return databases.filter(isDatabase).map((database) => storeOn(database, prefixOf(name)));
}

/**
 * The bindings of a stream's databases, by their numbers: `<NAME>_DB`, `<NAME>_DB_1` and so on
 * where the first of these is bound, else `DB`, `DB_1` and so on.
 * @throws Error as `createSqlStore` does.
 */
export function bindingsOf(name: string, isBound: (binding: string) => boolean): string[] {
  if (!/^[a-z][a-z0-9-]{0,39}$/.test(name)) {
    throw new Error(
      `"${name}" cannot name a SQL store: use 1 to 40 lower case letters, digits and dashes, starting with a letter`,
    );
  }
  const own = `${prefixOf(name).toUpperCase()}DB`;
  const first = isBound(own) ? own : "DB";
  const bindings: string[] = [];
  for (let number = 0; number < MAX_DATABASES; number++) {
    const binding = number === 0 ? first : `${first}_${number}`;
    if (!isBound(binding)) break;
    bindings.push(binding);
  }
  return bindings;
}

function prefixOf(name: string): string {
  return `${name.replaceAll("-", "_")}_`;
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
