import type { Contestant } from "./contestant.ts";
import { fastifyContestant, skipped } from "./postgres.ts";
import { startWorkerd } from "./workerd.ts";

/** Everyone who answers HTTP, in the order of the tables. */
export const CONTESTANTS: readonly Contestant[] = [
  { name: "millrace", answers: [201, 202], start: () => startWorkerd("src/index.ts") },
  { name: "direct", answers: [201], start: () => startWorkerd("bench/workers/direct.ts") },
  { name: "limit-http", answers: [201], start: () => startWorkerd("bench/workers/limit-http.ts") },
  ...(skipped ? [] : [fastifyContestant(false), fastifyContestant(true)]),
];

/** The service with another number of shards, to compare. */
export function withShards(shards: string): Contestant {
  return {
    name: `millrace-${shards}-shards`,
    answers: [201, 202],
    start: () => startWorkerd("src/index.ts", { LEDGER_SHARDS: shards }),
  };
}
