import { randomUUID } from "node:crypto";
import type { DatabaseSync, SQLOutputValue } from "node:sqlite";
import * as v from "valibot";
import { executions } from "../../src/streams/executions.ts";
import { openDatabase, survive, transaction } from "../database.ts";
import { prepare } from "../delivery/prepare.ts";
import { reasonOf } from "../failure.ts";
import { TELEMETRY_CHUNK_ROWS } from "../limits.ts";
import { Id } from "../spool/entry.ts";
import type { Spool } from "../spool/spool.ts";
import * as sql from "./statements.ts";

const Chunk = v.object({ id: v.number(), batch_id: v.string() });

/**
 * Moves the new rows of a telemetry store into the spool. Which rows make a chunk, and the
 * chunk's batch_id, are durable before the chunk is in the spool: killed at any moment, or without
 * power, and run again, it makes the same uploads, and the service takes each once.
 * @returns what is wrong with the store, its rows or the spool, a line each. The rest was moved.
 */
export async function moveToSpool(path: string, spool: Spool): Promise<string[]> {
  const faults: string[] = [];
  const fault = (what: string) => void faults.push(`${path}: ${what}`);
  let db: DatabaseSync | undefined;
  try {
    db = openDatabase(path, sql.SCHEMA);
    // A chunk that was sent must not be made again under another name, nor be marked as kept while
    // the spool has lost it: neither file may forget what the other remembers.
    survive(db, "of machine");
    spool.survive("of machine");
    while (makeChunk(db));
    const chunks = db.prepare(sql.OPEN_CHUNKS).all();
    for (const row of chunks) {
      const chunk = v.parse(Chunk, row);
      await moveChunk(db, chunk, path, spool, fault).catch((error: unknown) =>
        fault(`${chunk.batch_id}: ${reasonOf(error)}`),
      );
    }
    spool.survive("of process");
    spool.release();
  } catch (error) {
    fault(reasonOf(error));
  }
  db?.close();
  return faults;
}

async function moveChunk(
  db: DatabaseSync,
  { id, batch_id }: v.InferOutput<typeof Chunk>,
  path: string,
  spool: Spool,
  fault: (what: string) => void,
): Promise<void> {
  const records = transaction(db, () => goodRows(db, id, fault));
  if (records.length === 0) {
    db.prepare(sql.DROP_CHUNK).run({ id });
    return;
  }
  const upload = { batch_id, records };
  const entries = await prepare({ stream: "executions", upload, source: path });
  for (const entry of entries) spool.add(entry);
  db.prepare(sql.SPOOLED).run({ id });
}

/** The rows of a chunk. One that is not valid would hold up the others, and leaves it. */
function goodRows(db: DatabaseSync, chunk: number, fault: (what: string) => void) {
  const records: Record<string, unknown>[] = [];
  for (const row of db.prepare(sql.ROWS).all({ id: chunk })) {
    const { id = null, ...record } = withoutNulls(row);
    const result = v.safeParse(executions.row, record);
    if (result.success) records.push(record);
    else {
      const [issue] = result.issues;
      fault(`row ${String(id)} is not valid: ${v.getDotPath(issue)} ${issue.message}`);
      db.prepare(sql.LEAVE_OUT).run({ id });
    }
  }
  return records;
}

/** Takes the oldest rows that are in no chunk yet. Returns whether there were any. */
function makeChunk(db: DatabaseSync): boolean {
  return transaction(db, () => {
    if (!db.prepare(sql.HAS_NEW).get()) return false;
    const made = db.prepare(sql.NEW_CHUNK).get({ batch_id: `executions-${randomUUID()}` });
    const { id } = v.parse(Id, made);
    db.prepare(sql.FILL_CHUNK).run({ id, most: TELEMETRY_CHUNK_ROWS });
    return true;
  });
}

function withoutNulls(row: Record<string, SQLOutputValue>): Record<string, SQLOutputValue> {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));
}
