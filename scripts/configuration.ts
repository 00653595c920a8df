import * as v from "valibot";
import { unstable_readConfig as readConfig } from "wrangler";
import { configFaults } from "../src/config.ts";
import { isDeadLetterQueue } from "../src/queue/dead-letters.ts";
import { bindingsOf } from "../src/store/sql-store.ts";
import type { Stream } from "../src/streams/stream.ts";

/** What `wrangler.toml` says, as far as it is looked at here. */
const Configuration = v.object({
  d1_databases: v.array(v.object({ binding: v.string(), database_name: v.string() })),
  queues: v.object({
    producers: v.optional(v.array(v.object({ binding: v.string(), queue: v.string() })), []),
    consumers: v.optional(v.array(v.object({ dead_letter_queue: v.optional(v.string()) })), []),
  }),
  vars: v.record(v.string(), v.unknown()),
});
type Configuration = v.InferOutput<typeof Configuration>;

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

/** What the service could not work with in `wrangler.toml`, a line each. */
export function configurationFaults(streams: readonly Stream[]): string[] {
  const read = configuration();
  const variables = configFaults(read.vars, streams);
  // The number of databases that are needed is among them.
  if (variables.length > 0) return variables.map(({ variable, reason }) => `${variable} ${reason}`);
  return [...missingDatabases(read, streams), ...misnamedQueues(read)];
}

/** Streams with fewer databases than `DATABASE_SHARDS`: the service would refuse their uploads. */
function missingDatabases(
  { d1_databases, vars }: Configuration,
  streams: readonly Stream[],
): string[] {
  const shards = Number(vars["DATABASE_SHARDS"] ?? 1);
  const all = new Set(d1_databases.map(({ binding }) => binding));
  return streams.flatMap(({ name, tables }) => {
    const bound = bindingsOf(name, (binding) => all.has(binding));
    if (!tables || shards === 1 || bound.length >= shards) return [];
    const has = bound.join(", ") || "none";
    return [
      `DATABASE_SHARDS holds for each set of databases: stream "${name}" needs ${shards} databases, and is bound to ${bound.length}: ${has}`,
    ];
  });
}

/** Queues that the service would take for what they are not. */
function misnamedQueues({ queues }: Configuration): string[] {
  const main = queues.producers.flatMap(({ binding, queue }) => (binding === "QUEUE" ? queue : []));
  const dead = queues.consumers.flatMap(({ dead_letter_queue }) => dead_letter_queue ?? []);
  return [
    ...main
      .filter(isDeadLetterQueue)
      .map((name) => `queue "${name}" is no dead-letter queue, and is named like one`),
    ...dead
      .filter((name) => !isDeadLetterQueue(name))
      .map((name) => `dead_letter_queue "${name}" must have "dead-letter" in its name`),
  ];
}

function configuration(): Configuration {
  return v.parse(Configuration, readConfig({ config: "wrangler.toml" }));
}
