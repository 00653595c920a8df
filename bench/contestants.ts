import type { Contestant } from "./contestant.ts";
import { fastifyContestant, pgBossContestant, skipped } from "./postgres.ts";
import { SERVICE, startWorkerd, type WorkerdOptions } from "./workerd.ts";

/**
 * What makes four written rows of a result: an index for each column that people look for. So
 * are the tables of the public package manager whose runs are our samples:
 * https://github.com/tsukumogami/tsuku, telemetry/migrations/0001_batch_metrics_schema.sql.
 */
const INDEXES_OF_DIRECT = [
  "CREATE INDEX IF NOT EXISTS recipe_results_recipe_name ON recipe_results (recipe_name)",
  "CREATE INDEX IF NOT EXISTS recipe_results_result ON recipe_results (result)",
];

/** The service with its defaults, but for one ledger shard. */
export const MILLRACE = millrace("millrace");

/** What people write today. */
export const DIRECT = direct("direct", "direct", { indexes: INDEXES_OF_DIRECT });

/** The same in one transaction, with no more indexes than Millrace has. */
export const DIRECT_WITH_CARE = direct("direct with care", "direct-with-care");

/** The same with Millrace's set-based statements. */
export const DIRECT_SET_BASED = direct("direct set-based", "direct-set-based");

/** Everyone who is measured at every setting, in the order of the tables. */
export const CONTESTANTS: readonly Contestant[] = [
  MILLRACE,
  DIRECT,
  DIRECT_SET_BASED,
  direct("limit-http", "limit-http"),
  ...(skipped ? [] : [fastifyContestant, pgBossContestant]),
];

/** The service with another number of ledger shards, to compare. */
export function withShards(shards: string): Contestant {
  return millrace(`millrace, ${shards} ledger shards`, { variables: { LEDGER_SHARDS: shards } });
}

/** The service with several databases, to compare. */
export function withDatabases(databases: string): Contestant {
  return millrace(`millrace, ${databases} databases`, {
    variables: { DATABASE_SHARDS: databases },
    databases: Number(databases),
  });
}

function millrace(name: string, options?: WorkerdOptions): Contestant {
  return {
    name,
    answers: [201, 202],
    start: () => startWorkerd(SERVICE, options),
    startHeld: () => startWorkerd("bench/workers/held.ts", options),
    startMetered: () => startWorkerd("bench/workers/metered.ts", options),
  };
}

/** A Worker that answers when it is done. */
function direct(name: string, worker: string, options?: WorkerdOptions): Contestant {
  return {
    name,
    answers: [201],
    start: () => startWorkerd(`bench/workers/${worker}.ts`, options),
  };
}
