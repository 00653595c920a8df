import { STATEMENT_PARAMETER_BYTES } from "../limits.ts";
import type { SqlStatement, SqlStore } from "../sql.ts";
import type { Body } from "../streams/body.ts";
import type { Stream, Tables } from "../streams/stream.ts";

/** A batch on its way into its tables. */
export interface StoredBatch {
  batch_id: string;
  digest: string;
  /** When the ledger accepted it, ISO 8601 in UTC. */
  accepted_at: string;
  row_count: number;
  body: Body;
}

/** What became of a batch: the run it has, and whether that run has its content. */
export type InsertOutcome =
  | { outcome: "written"; batch_run_id: number; inserted: boolean }
  | { outcome: "conflict"; batch_run_id: number; digest: string };

interface RunRow {
  batch_id: string;
  id: number;
  digest: string;
  inserted: 0 | 1;
}

/**
 * Writes the batches in one transaction: each whole, or, when it throws, none.
 *
 * Safe to repeat. A run is inserted only where its `batch_id` is new, and rows only for runs
 * that bear this attempt's own `write_id`, so a second attempt finds the run of the first and
 * changes nothing, even where the first was committed and its answer was lost.
 *
 * @throws whatever the database throws; `failureOf` tells what that means.
 */
export async function insertGroup(
  sql: SqlStore,
  stream: Stream,
  tables: Tables,
  batches: readonly StoredBatch[],
): Promise<Map<string, InsertOutcome>> {
  const write_id = crypto.randomUUID();
  const insert = statementsOf(stream, tables);
  const statements: SqlStatement[] = [
    ...parametersOf(batches.map(runElement)).map((parameter) =>
      sql.prepare(insert.runs).bind(parameter, write_id),
    ),
    ...parametersOf(batches.flatMap(rowElements)).map((parameter) =>
      sql.prepare(insert.rows).bind(parameter, write_id),
    ),
  ];
  const ids = JSON.stringify(batches.map((batch) => batch.batch_id));
  const results = await sql.batch([...statements, sql.prepare(insert.found).bind(ids, write_id)]);

  const digests = new Map(batches.map((batch) => [batch.batch_id, batch.digest]));
  const outcomes = new Map<string, InsertOutcome>();
  for (const row of results.at(-1)?.rows ?? []) {
    const run = runRowOf(row);
    const same = digests.get(run.batch_id) === run.digest;
    outcomes.set(
      run.batch_id,
      same
        ? { outcome: "written", batch_run_id: run.id, inserted: run.inserted === 1 }
        : { outcome: "conflict", batch_run_id: run.id, digest: run.digest },
    );
  }
  return outcomes;
}

interface Statements {
  runs: string;
  rows: string;
  found: string;
}

const statements = new WeakMap<Stream, Statements>();

function statementsOf(stream: Stream, tables: Tables): Statements {
  const known = statements.get(stream);
  if (known) return known;

  const runColumns = Object.keys(stream.run.entries);
  const rowColumns = Object.keys(stream.row.entries);
  const rowValues = rowColumns.map(
    (column) => tables.expressions?.[column] ?? `row.value ->> '${column}'`,
  );
  const made = {
    runs: `
      INSERT INTO ${tables.run} (${["batch_id", "digest", "write_id", "accepted_at", "row_count", ...runColumns].join(", ")})
      SELECT ${[
        "value ->> 'batch_id'",
        "value ->> 'digest'",
        "?2",
        "value ->> 'accepted_at'",
        "value ->> 'row_count'",
        ...runColumns.map((column) => `value ->> '$.run.${column}'`),
      ].join(", ")}
      FROM jsonb_each(?1) WHERE true
      ON CONFLICT (batch_id) DO NOTHING`,
    // CROSS JOIN keeps this order: a part, its run by the unique index, then the part's rows.
    rows: `
      INSERT INTO ${tables.rows} (${[tables.runColumn, ...rowColumns].join(", ")})
      SELECT ${["run.id", ...rowValues].join(", ")}
      FROM jsonb_each(?1) AS part
      CROSS JOIN ${tables.run} AS run ON run.batch_id = part.value ->> 'batch_id' AND run.write_id = ?2
      CROSS JOIN jsonb_each(part.value, '$.rows') AS row`,
    found: `
      SELECT batch_id, id, digest, write_id = ?2 AS inserted
      FROM ${tables.run} WHERE batch_id IN (SELECT value FROM json_each(?1))`,
  };
  statements.set(stream, made);
  return made;
}

function runElement({ batch_id, digest, accepted_at, row_count, body }: StoredBatch): string {
  return `${JSON.stringify({ batch_id, digest, accepted_at, row_count }).slice(0, -1)},"run":${body.run}}`;
}

function rowElements({ batch_id, body }: StoredBatch): string[] {
  return body.parts
    .filter((part) => part !== "[]")
    .map((part) => `{"batch_id":${JSON.stringify(batch_id)},"rows":${part}}`);
}

const encoder = new TextEncoder();

/** JSON arrays of the elements, each array within the size of one parameter. */
function parametersOf(elements: readonly string[]): string[] {
  const arrays: string[][] = [];
  let room = 0;
  for (const element of elements) {
    const bytes = encoder.encode(element).length + 1;
    if (bytes > room) {
      arrays.push([]);
      room = STATEMENT_PARAMETER_BYTES;
    }
    arrays.at(-1)?.push(element);
    room -= bytes;
  }
  return arrays.map((array) => `[${array.join(",")}]`);
}

function runRowOf(row: Record<string, unknown>): RunRow {
  return {
    batch_id: String(row["batch_id"]),
    id: Number(row["id"]),
    digest: String(row["digest"]),
    inserted: row["inserted"] === 1 ? 1 : 0,
  };
}
