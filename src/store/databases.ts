import { IDS_OF_A_DATABASE } from "../limits.ts";
import { reasonOf } from "../log.ts";
import type { SqlStore } from "../sql.ts";
import type { Stream, Tables } from "../streams/stream.ts";
import { type Content, findContents, findRun, type StoredRun } from "./find-run.ts";
import { findOutcomes, insertGroup, type InsertOutcome, type StoredBatch } from "./insert-group.ts";

/*
 * A stream's databases as one. A batch is in one of them: the one that the ledger has noted
 * for it, or, where the ledger had forgotten it and their number has changed, any other. So
 * whoever looks for a batch that the ledger had forgotten looks in all of them.
 */

/** A batch on its way, and the number of the database that it goes to. */
export interface PlacedBatch extends StoredBatch {
  database: number;
}

/** A look into another database failed, which is no fault of the batches it was for. */
export class LookFailed extends Error {}

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
        throw new LookFailed(`database ${number} was to be asked first: ${reasonOf(error)}`);
      }
    });
  }

  /**
   * What the databases have but for that one.
   * @throws LookFailed
   */
  async outside(number: number): Promise<Map<string, InsertOutcome>> {
    const found = await Promise.all(this.#each.filter((_, other) => other !== number));
    return new Map(found.flatMap((outcomes) => [...outcomes]));
  }
}

/**
 * Writes batches into the database of that number, each unless another one has it already.
 * Safe to repeat, as `insertGroup` is.
 * @param looks for these batches among others.
 * @throws LookFailed; Error where that database is not bound; else whatever it throws.
 */
export async function insertOnce(
  databases: readonly SqlStore[],
  number: number,
  stream: Stream,
  tables: Tables,
  batches: readonly StoredBatch[],
  looks: Looks,
): Promise<Map<string, InsertOutcome>> {
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
