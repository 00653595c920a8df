import * as v from "valibot";
import { unstable_readConfig as readConfig } from "wrangler";
import { bindingsOf } from "../src/store/sql-store.ts";
import type { Stream } from "../src/streams/stream.ts";

const Configuration = v.object({
  d1_databases: v.array(v.object({ binding: v.string(), database_name: v.string() })),
  vars: v.object({ DATABASE_SHARDS: v.optional(v.pipe(v.unknown(), v.transform(Number)), 1) }),
});

/** A database that `wrangler.toml` binds. */
export interface BoundDatabase {
  binding: string;
  /** Its name in the account. */
  name: string;
}

/** Every database that `wrangler.toml` binds, in its order. */
export function boundDatabases(): BoundDatabase[] {
  const { d1_databases } = configuration();
  return d1_databases.map(({ binding, database_name: name }) => ({ binding, name }));
}

/**
 * Streams with fewer databases in `wrangler.toml` than its `DATABASE_SHARDS`, a line each: the
 * service would refuse their uploads.
 */
export function missingDatabases(streams: readonly Stream[]): string[] {
  const { d1_databases, vars } = configuration();
  const { DATABASE_SHARDS: shards } = vars;
  const all = new Set(d1_databases.map(({ binding }) => binding));
  return streams.flatMap(({ name, tables }) => {
    const bound = bindingsOf(name, (binding) => all.has(binding));
    if (!tables || shards === 1 || bound.length >= shards) return [];
    const has = bound.join(", ") || "none";
    return [`stream "${name}" needs ${shards} databases, and is bound to ${bound.length}: ${has}`];
  });
}

function configuration() {
  return v.parse(Configuration, readConfig({ config: "wrangler.toml" }));
}
