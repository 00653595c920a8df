import { IDS_OF_A_DATABASE } from "../limits.ts";
import type { SqlStore } from "../sql.ts";
import type { Stream, Tables } from "../streams/stream.ts";
import { type Content, findContents, findRun, type StoredRun } from "./find-run.ts";
import { findOutcomes, insertGroup, type InsertOutcome, type StoredBatch } from "./insert-group.ts";

/*
 * A stream's databases as one. A batch is in one of them: the one that the ledger has noted
 * for it, or, where the ledger had forgotten it and their number has changed, any other. So
 * whoever is to write a batch looks in all of them.
 */

/** A batch on its way, and the number of the database that it goes to. */
export interface PlacedBatch extends StoredBatch {
  database: number;
}

/** What a database has of batches that are to go to another. Those must not be written again. */
export type Look = Promise<Map<string, InsertOutcome>>;

/** Looks in each database, by its number, for all those batches together that go to another one. */
export function lookInOthers(
  databases: readonly SqlStore[],
  tables: Tables,
  batches: readonly PlacedBatch[],
): Look[] {
  return databases.map((sql, number) => {
    const others = batches.filter(({ database }) => database !== number);
    return findOutcomes(sql, tables, others);
  });
}

/**
 * Writes batches that no other database has into the one of that number. Safe to repeat, as
 * `insertGroup` is.
 * @throws Error where that database is not bound; else whatever it throws.
 */
export async function insertInto(
  databases: readonly SqlStore[],
  number: number,
  stream: Stream,
  tables: Tables,
  batches: readonly StoredBatch[],
): Promise<Map<string, InsertOutcome>> {
  const home = databases[number];
  if (!home) throw new Error(`database ${number} of stream "${stream.name}" is not bound`);
  return insertGroup(home, stream, tables, batches, number * IDS_OF_A_DATABASE);
}

/**
 * The run of a batch, wherever it is, or null where none of the databases has it (any more).
 * @param batch_run_id where it is known: its database is asked first, and the others only when that
 *   one has nothing.
 */
export async function findRunIn(
  databases: readonly SqlStore[],
  stream: Stream,
  batch_id: string,
  batch_run_id: number | null,
): Promise<StoredRun | null> {
  const home = databases[Math.floor((batch_run_id ?? Number.NaN) / IDS_OF_A_DATABASE)];
  const found = home ? await findRun(home, stream, batch_id) : null;
  if (found) return found;
  const others = databases.filter((database) => database !== home);
  const runs = await Promise.all(others.map((sql) => findRun(sql, stream, batch_id)));
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
