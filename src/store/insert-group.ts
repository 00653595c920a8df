import { jsonArraysOf } from "../chunks.ts";
import { STATEMENT_PARAMETER_BYTES } from "../limits.ts";
import { reasonOf } from "../log.ts";
import type { SqlStore } from "../sql.ts";
import type { Body } from "../streams/body.ts";
import type { Stream, Tables } from "../streams/stream.ts";

/** A batch on its way into its tables. */
export interface BatchToWrite {
  batch_id: string;
  digest: string;
  /** When the ledger accepted it, ISO 8601 in UTC. */
  accepted_at: string;
  row_count: number;
  body: Body;
}

/** What became of a batch: the run it has, and whether that run has its content. */
export type InsertOutcome =
  /** With when the run was accepted, if it was there already: before this batch, or by an attempt of it. */
  | { outcome: "written"; batch_run_id: number; accepted_at?: string }
  | { outcome: "conflict"; batch_run_id: number; digest: string };

/**
 * Writes the batches in one transaction: each whole, or, when it throws, none.
 *
 * Safe to repeat. A run is inserted only where its `batch_id` is new, and rows only for runs
 * that bear this attempt's own `write_id`, so a second attempt finds the run of the first and
 * changes nothing, even where the first was committed and its answer was lost.
 *
 * @param idsAfter where the ids of this database's runs and rows begin.
 * @throws whatever the database throws; `failureOf` tells what that means.
 */
export async function insertGroup(
  sql: SqlStore,
  stream: Stream,
  tables: Tables,
  batches: readonly BatchToWrite[],
  idsAfter = 0,
): Promise<Map<string, InsertOutcome>> {
  const write_id = crypto.randomUUID();
  const names = JSON.stringify([tables.run, tables.rows]);
  const seeds = idsAfter > 0 ? [sql.prepare(SEED).bind(names, idsAfter)] : [];
  const runs = jsonArraysOf(batches.map(runElement), STATEMENT_PARAMETER_BYTES);
  const rows = jsonArraysOf(batches.flatMap(rowElements), STATEMENT_PARAMETER_BYTES);
  const results = await withJsonb(sql, (each) => {
    const insert = statementsOf(stream, tables, each);
    return sql.batch([
      ...seeds,
      ...runs.map((parameter) => sql.prepare(insert.runs).bind(parameter, write_id)),
      ...rows.map((parameter) => sql.prepare(insert.rows).bind(parameter, write_id)),
    ]);
  });
  const outcomes = new Map<string, InsertOutcome>();
  for (const run of results
    .slice(seeds.length, seeds.length + runs.length)
    .flatMap((result) => result.rows)) {
    outcomes.set(String(run["batch_id"]), { outcome: "written", batch_run_id: Number(run["id"]) });
  }
  const known = batches.filter((batch) => !outcomes.has(batch.batch_id));
  for (const [batch_id, outcome] of await findOutcomes(sql, tables, known)) {
    outcomes.set(batch_id, outcome);
  }
  return outcomes;
}

/** Has AUTOINCREMENT begin there, in tables that have no row yet. */
const SEED = `
  INSERT INTO sqlite_sequence (name, seq) SELECT value, ?2 FROM json_each(?1) AS wanted
  WHERE NOT EXISTS (SELECT 1 FROM sqlite_sequence WHERE name = wanted.value)`;

/** The outcomes of those of the batches whose `batch_id` has a run in this database. */
export async function findOutcomes(
  sql: SqlStore,
  tables: Tables,
  batches: readonly BatchToWrite[],
): Promise<Map<string, InsertOutcome>> {
  const outcomes = new Map<string, InsertOutcome>();
  const ids = batches.map((batch) => JSON.stringify(batch.batch_id));
  const text = `
    SELECT batch_id, id, digest, accepted_at FROM ${tables.run}
    WHERE batch_id IN (SELECT value FROM json_each(?1))`;
  const answers = jsonArraysOf(ids, STATEMENT_PARAMETER_BYTES).map((parameter) =>
    sql.all<{ batch_id: string; id: number; digest: string; accepted_at: string }>(text, parameter),
  );
  const found = (await Promise.all(answers)).flat();
  const digests = new Map(batches.map((batch) => [batch.batch_id, batch.digest]));
  for (const { batch_id, id: batch_run_id, digest, accepted_at } of found) {
    const same = digests.get(batch_id) === digest;
    outcomes.set(
      batch_id,
      same
        ? { outcome: "written", batch_run_id, accepted_at }
        : { outcome: "conflict", batch_run_id, digest },
    );
  }
  return outcomes;
}

/** The function that gives out a JSON array's elements. */
type Each = "jsonb_each" | "json_each";

/** Databases whose SQLite is older than 3.51, which brought `jsonb_each`. */
const withoutJsonb = new WeakSet<SqlStore>();

/**
 * Works with `jsonb_each`, which hands a row on as it was parsed, where `json_each` writes it
 * out as text for each of its columns to parse again. Which SQLite a database has is the
 * platform's choice: where it does not know the function, the other one is used from then on.
 */
async function withJsonb<Result>(
  sql: SqlStore,
  work: (each: Each) => Promise<Result>,
): Promise<Result> {
  if (withoutJsonb.has(sql)) return work("json_each");
  try {
    return await work("jsonb_each");
  } catch (error) {
    if (!/jsonb_each/.test(reasonOf(error))) throw error;
    withoutJsonb.add(sql);
    return work("json_each");
  }
}

interface Statements {
  runs: string;
  rows: string;
}

const statements = {
  jsonb_each: new WeakMap<Stream, Statements>(),
  json_each: new WeakMap<Stream, Statements>(),
};

function statementsOf(stream: Stream, tables: Tables, each: Each): Statements {
  const known = statements[each].get(stream);
  if (known) return known;

  const runColumns = Object.keys(stream.run.entries);
  const rowColumns = Object.keys(stream.row.entries);
  const rowValues = rowColumns.map((column, place) => {
    // Not `->> ${place}`, of which SQLite would make this path anew for every row.
    const field = `row.value ->> '$[${place}]'`;
    return tables.expressions?.[column]?.(field) ?? field;
  });
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
      FROM ${each}(?1) WHERE true
      ON CONFLICT (batch_id) DO NOTHING RETURNING batch_id, id`,
    // CROSS JOIN keeps this order: a part, its run by the unique index, then the part's rows.
    rows: `
      INSERT INTO ${tables.rows} (${[tables.runColumn, ...rowColumns].join(", ")})
      SELECT ${["run.id", ...rowValues].join(", ")}
      FROM ${each}(?1) AS part
      CROSS JOIN ${tables.run} AS run ON run.batch_id = part.value ->> 'batch_id' AND run.write_id = ?2
      CROSS JOIN ${each}(part.value, '$.rows') AS row`,
  };
  statements[each].set(stream, made);
  return made;
}

function runElement({ batch_id, digest, accepted_at, row_count, body }: BatchToWrite): string {
  return `${JSON.stringify({ batch_id, digest, accepted_at, row_count }).slice(0, -1)},"run":${body.run}}`;
}

function rowElements({ batch_id, body }: BatchToWrite): string[] {
  return body.parts
    .filter((part) => part !== "[]")
    .map((part) => `{"batch_id":${JSON.stringify(batch_id)},"rows":${part}}`);
}
