import type { Contestant } from "./contestant.ts";
import { fastifyContestant, skipped } from "./postgres.ts";
import { SERVICE, startWorkerd } from "./workerd.ts";

/** Everyone who answers HTTP, in the order of the tables. */
export const CONTESTANTS: readonly Contestant[] = [
  { name: "millrace", answers: [201, 202], start: () => startWorkerd(SERVICE) },
  { name: "direct", answers: [201], start: () => startWorkerd("bench/workers/direct.ts") },
  { name: "limit-http", answers: [201], start: () => startWorkerd("bench/workers/limit-http.ts") },
  ...(skipped ? [] : [fastifyContestant(false), fastifyContestant(true)]),
];

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
