import { randomUUID } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import * as v from "valibot";
import { openDatabase, transaction } from "../database.ts";
import { prepare } from "../delivery/prepare.ts";
import { TELEMETRY_CHUNK_ROWS } from "../limits.ts";
import { Id } from "../spool/entry.ts";
import type { Spool } from "../spool/spool.ts";
import * as sql from "./statements.ts";

const Chunk = v.object({ id: v.number(), batch_id: v.string() });

/**
 * Moves the new rows of a telemetry store into the spool. Which rows make a chunk, and the
 * chunk's batch_id, are durable before the chunk is in the spool: killed at any moment and
 * run again, it makes the same uploads, and the service takes each once.
 * @returns how many chunks were moved.
 */
export async function moveToSpool(path: string, spool: Spool): Promise<number> {
  const db = openDatabase(path, sql.SCHEMA);
  try {
    while (makeChunk(db));
    const chunks = db
      .prepare(sql.OPEN_CHUNKS)
      .all()
      .map((row) => v.parse(Chunk, row));
    for (const { id, batch_id } of chunks) {
      const records = db.prepare(sql.ROWS).all({ id }).map(withoutNulls);
      const upload = { batch_id, records };
      for await (const entry of prepare({ stream: "executions", upload, source: path })) {
        spool.add(entry);
      }
      db.prepare(sql.SPOOLED).run({ id });
    }
    spool.release();
    return chunks.length;
  } finally {
    db.close();
  }
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

function withoutNulls(row: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));
}
