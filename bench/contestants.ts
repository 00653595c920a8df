import type { Contestant } from "./contestant.ts";
import { fastifyContestant, skipped } from "./postgres.ts";
import { SERVICE, startWorkerd } from "./workerd.ts";

/**
 * What makes four written rows of a result: an index for each column that people look for. So
 * are the tables of the public package manager whose runs are our samples:
 * https://github.com/tsukumogami/tsuku, telemetry/migrations/0001_batch_metrics_schema.sql.
 */
const INDEXES_OF_DIRECT = [
  "CREATE INDEX IF NOT EXISTS recipe_results_recipe_name ON recipe_results (recipe_name)",
  "CREATE INDEX IF NOT EXISTS recipe_results_result ON recipe_results (result)",
];

/** Everyone who answers HTTP, in the order of the tables. */
export const CONTESTANTS: readonly Contestant[] = [
  { name: "millrace", answers: [201, 202], start: () => startWorkerd(SERVICE) },
  {
    name: "direct",
    answers: [201],
    start: () => startWorkerd("bench/workers/direct.ts", { indexes: INDEXES_OF_DIRECT }),
  },
  { name: "limit-http", answers: [201], start: () => startWorkerd("bench/workers/limit-http.ts") },
  ...(skipped ? [] : [fastifyContestant(false), fastifyContestant(true)]),
];

/** Direct inserts with our own care: one transaction, and no more indexes than Millrace has. */
export const DIRECT_LEAN: Contestant = {
  name: "direct with care",
  answers: [201],
  start: () => startWorkerd("bench/workers/direct-lean.ts"),
};

/** The service with another number of ledger shards, to compare. */
export function withShards(shards: string): Contestant {
  return {
    name: `millrace, ${shards} ledger shards`,
    answers: [201, 202],
    start: () => startWorkerd(SERVICE, { variables: { LEDGER_SHARDS: shards } }),
  };
}

/** The service with several databases, to compare. */
export function withDatabases(databases: string): Contestant {
  return {
    name: `millrace, ${databases} databases`,
    answers: [201, 202],
    start: () =>
      startWorkerd(SERVICE, {
        variables: { DATABASE_SHARDS: databases },
        databases: Number(databases),
      }),
  };
}
