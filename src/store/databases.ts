import { IDS_OF_A_DATABASE } from "../limits.ts";
import { reasonOf } from "../log.ts";
import type { SqlStore } from "../sql.ts";
import type { Stream, Tables } from "../streams/stream.ts";
import { type Content, findContents, findRun, type StoredRun } from "./find-run.ts";
import {
  findOutcomes,
  insertGroup,
  type InsertOutcome,
  type BatchToWrite,
} from "./insert-group.ts";

/*
 * A stream's databases as one. A batch is in one of them: the one that the ledger has noted
 * for it, or, where the ledger had forgotten it and their number has changed, any other. So
 * a search asks every database, unless the run's id says which one has it.
 */

/** A batch on its way, and the number of the database that it goes to. */
export interface PlacedBatch extends BatchToWrite {
  database: number;
}

/**
 * What each database has of the batches that go to another one: a query for all of them
 * together. Whoever makes this asks for every database that one of the batches goes to.
 */
export class Looks {
  readonly #each: Promise<Map<string, InsertOutcome>>[];

  constructor(databases: readonly SqlStore[], tables: Tables, batches: readonly PlacedBatch[]) {
    this.#each = databases.map(async (sql, number) => {
      const strangers = batches.filter(({ database }) => database !== number);
      try {
        return await findOutcomes(sql, tables, strangers);
      } catch (error) {
        const reason = `database ${number} was to be asked first: ${reasonOf(error)}`;
        throw new Error(reason, { cause: error });
      }
    });
  }

  /**
   * What the databases have but for that one.
   * @throws Error that names the database that could not be asked.
   */
  async outside(number: number): Promise<Map<string, InsertOutcome>> {
    const found = await Promise.all(this.#each.filter((_, other) => other !== number));
    return new Map(found.flatMap((outcomes) => [...outcomes]));
  }
}

/** Where a group of batches goes. */
export interface Destination {
  stream: Stream;
  tables: Tables;
  databases: readonly SqlStore[];
  /** The number of the database. */
  number: number;
  /** For these batches, among others. */
  looks: Looks;
}

/**
 * Writes batches into the database that they go to, each unless another one has it already.
 * Safe to repeat, as `insertGroup` is.
 * @throws Error where that database is not bound or another could not be asked; else whatever it throws.
 */
export async function insertOnce(
  { stream, tables, databases, number, looks }: Destination,
  batches: readonly BatchToWrite[],
): Promise<Map<string, InsertOutcome>> {
  // First of all, so that a look that fails has somebody who waits for it.
  const outcomes = await looks.outside(number);
  const missing = batches.filter((batch) => !outcomes.has(batch.batch_id));
  if (missing.length === 0) return outcomes;
  const home = databases[number];
  if (!home) throw new Error(`database ${number} of stream "${stream.name}" is not bound`);
  const inserted = await insertGroup(home, stream, tables, missing, number * IDS_OF_A_DATABASE);
  return new Map([...outcomes, ...inserted]);
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
  const home =
    batch_run_id === null ? undefined : databases[Math.floor(batch_run_id / IDS_OF_A_DATABASE)];
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
