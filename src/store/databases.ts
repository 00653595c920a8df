import { IDS_OF_A_DATABASE } from "../limits.ts";
import type { SqlStore } from "../sql.ts";
import type { Stream, Tables } from "../streams/stream.ts";
import { type Content, findContents, findRun, type StoredRun } from "./find-run.ts";
import { findOutcomes, insertGroup, type InsertOutcome, type StoredBatch } from "./insert-group.ts";

/*
 * A stream's databases as one. A batch is in one of them: the one that the ledger has noted
 * for it, or, where the ledger had forgotten it and their number has changed, any other. So
 * whoever looks for a batch looks in all of them.
 */

/**
 * Writes batches into the database of that number, each unless another one has it already.
 * Safe to repeat, as `insertGroup` is.
 * @throws Error where that database is not bound; else whatever the databases throw.
 */
export async function insertOnce(
  databases: readonly SqlStore[],
  number: number,
  stream: Stream,
  tables: Tables,
  batches: readonly StoredBatch[],
): Promise<Map<string, InsertOutcome>> {
  const home = databases[number];
  if (!home) throw new Error(`database ${number} of stream "${stream.name}" is not bound`);
  const others = databases.filter((database) => database !== home);
  const known = await Promise.all(others.map((other) => findOutcomes(other, tables, batches)));
  const outcomes = new Map(known.flatMap((found) => [...found]));
  const missing = batches.filter((batch) => !outcomes.has(batch.batch_id));
  if (missing.length === 0) return outcomes;
  const inserted = await insertGroup(home, stream, tables, missing, number * IDS_OF_A_DATABASE);
  return new Map([...outcomes, ...inserted]);
}

/** The run of a batch, wherever it is, or null where none of the databases has it (any more). */
export async function findRunIn(
  databases: readonly SqlStore[],
  stream: Stream,
  batch_id: string,
): Promise<StoredRun | null> {
  const runs = await Promise.all(databases.map((sql) => findRun(sql, stream, batch_id)));
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
