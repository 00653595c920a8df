import type { SqlStore } from "../sql.ts";
import type { Stream, StreamSink } from "../streams/stream.ts";
import { createSqlStore } from "./sql-store.ts";

/** A stream with what it writes to in this environment. */
export interface OpenStream {
  stream: Stream;
  sql: SqlStore | null;
  sink: StreamSink | null;
}

const opened = new WeakMap<Env, Map<Stream, OpenStream>>();

/** Opens a stream once in an environment. One without tables or `init` costs nothing. */
export function openStream(stream: Stream, env: Env): OpenStream {
  let streams = opened.get(env);
  if (!streams) opened.set(env, (streams = new Map()));
  let open = streams.get(stream);
  if (!open) {
    const sql = stream.tables || stream.init ? createSqlStore(stream.name, env) : null;
    open = { stream, sql, sink: stream.init?.({ sql, env }) ?? null };
    streams.set(stream, open);
  }
  return open;
}
