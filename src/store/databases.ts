import { databaseAmong } from "../hash.ts";
import { IDS_OF_A_DATABASE } from "../limits.ts";
import type { SqlStore } from "../sql.ts";
import type { Stream, Tables } from "../streams/stream.ts";
import { type Content, findContents, findRun, type StoredRun } from "./find-run.ts";
import { findOutcomes, insertGroup, type InsertOutcome, type StoredBatch } from "./insert-group.ts";

/*
 * A stream's databases as one. A batch is in one of them: the one that the ledger has noted
 * for it, or, where the ledger had forgotten it and their number has changed, one that another
 * number gave for its key. Who writes a batch looks there first; who reads one that the ledger has
 * forgotten looks in all.
 */

/** A batch on its way, with what its place goes by. */
export interface PlacedBatch extends StoredBatch {
  /** Names it in the ledger. */
  key: string;
}

/**
 * Writes batches into the database of that number, each unless another one has it already.
 * Safe to repeat, as `insertGroup` is.
 * @param placements over how many databases the stream's batches were ever spread; null: any.
 * @throws Error where that database is not bound; else whatever the databases throw.
 */
export async function insertOnce(
  databases: readonly SqlStore[],
  number: number,
  stream: Stream,
  tables: Tables,
  batches: readonly PlacedBatch[],
  placements: readonly number[] | null,
): Promise<Map<string, InsertOutcome>> {
  const home = databases[number];
  if (!home) throw new Error(`database ${number} of stream "${stream.name}" is not bound`);
  const known = await Promise.all(
    databases.map((other, at) => {
      const suspects =
        at === number ? [] : batches.filter((batch) => mayBeIn(at, batch, placements));
      return findOutcomes(other, tables, suspects);
    }),
  );
  const outcomes = new Map(known.flatMap((found) => [...found]));
  const missing = batches.filter((batch) => !outcomes.has(batch.batch_id));
  if (missing.length === 0) return outcomes;
  const inserted = await insertGroup(home, stream, tables, missing, number * IDS_OF_A_DATABASE);
  return new Map([...outcomes, ...inserted]);
}

/** Whether a batch would be in that database, had it been placed before. */
function mayBeIn(number: number, { key }: PlacedBatch, placements: readonly number[] | null) {
  return placements?.some((databases) => databaseAmong(databases, key) === number) ?? true;
}

/**
 * The run of a batch, wherever it is, or null where none of the databases has it (any more).
 * @param batch_run_id says which database to ask; null: all of them.
 */
export async function findRunIn(
  databases: readonly SqlStore[],
  stream: Stream,
  batch_id: string,
  batch_run_id: number | null,
): Promise<StoredRun | null> {
  const home = databases[Math.floor((batch_run_id ?? Number.NaN) / IDS_OF_A_DATABASE)];
  const asked = home ? [home] : databases;
  const runs = await Promise.all(asked.map((sql) => findRun(sql, stream, batch_id)));
  return runs.find((run) => run !== null) ?? null;
}

/** What the databases have of each of these batches. */
export async function findContentsIn(
  databases: readonly SqlStore[],
  tables: Tables,
  batch_ids: readonly string[],
): Promise<Map<string, Content>> {
  const found = await Promise.all(databases.map((sql) => findContents(sql, tables, batch_ids)));
  return new Map(found.flatMap((contents) => [...contents]));
}
