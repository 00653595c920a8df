import { configOf, misconfigured } from "../config.ts";
import { hashOf } from "../hash.ts";
import type { SqlStore } from "../sql.ts";
import type { Stream, StreamSink } from "../streams/stream.ts";
import { createSqlStores } from "./sql-store.ts";

/** A stream with what it writes to in this environment. */
export interface OpenStream {
  stream: Stream;
  /** By their numbers. A batch is in one of them. */
  databases: readonly SqlStore[];
  sink: StreamSink | null;
}

const opened = new WeakMap<Env, Map<Stream, OpenStream>>();

/** Opens a stream once in an environment. One without tables or `init` costs nothing. */
export function openStream(stream: Stream, env: Env): OpenStream {
  let streams = opened.get(env);
  if (!streams) opened.set(env, (streams = new Map()));
  let open = streams.get(stream);
  if (!open) {
    const databases = stream.tables || stream.init ? createSqlStores(stream.name, env) : [];
    const sink = stream.init?.({ sql: databases[0] ?? null, env }) ?? null;
    open = { stream, databases, sink };
    streams.set(stream, open);
  }
  return open;
}

/**
 * The number of the database that a new batch goes to: a hash of its key, over those that are
 * not full. The ledger keeps it, so that a batch stays where it was first meant to go when
 * `DATABASE_SHARDS` or `FULL_DATABASES` changes.
 * @throws Problem `unavailable` where fewer databases are bound than are configured.
 */
export function databaseOf(stream: Stream, env: Env, key: string): number {
  const { DATABASE_SHARDS: shards, OPEN_DATABASES: open } = configOf(env);
  if (!stream.tables || shards === 1) return 0;
  const bound = openStream(stream, env).databases.length;
  if (bound < shards) {
    const reason = `it asks for ${shards} databases, and stream "${stream.name}" has ${bound} bound`;
    throw misconfigured([{ variable: "DATABASE_SHARDS", reason }]);
  }
  return open[hashOf(key) % open.length] ?? 0;
}
