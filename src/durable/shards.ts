import { configOf } from "../config.ts";
import { hashOf } from "../hash.ts";
import { LEDGER_CALLS, MAX_SHARDS } from "../limits.ts";
import { logError, reasonOf } from "../log.ts";
import { unavailable } from "../problem.ts";
import type { LedgerPort } from "../queue/ticket.ts";
import type { BatchLedger } from "./batch-ledger.ts";
import { shardName } from "./shard-name.ts";

type LedgerStub = DurableObjectStub<BatchLedger>;

/** The shard that a new batch goes to: a hash of its key. */
export function shardOf(env: Env, key: string): number {
  return hashOf(key) % configOf(env).LEDGER_SHARDS;
}

/** @param call better returns the stub's own promise than is async: that would be one more to wait for. */
type ShardCall<Result> = (stub: LedgerStub) => PromiseLike<Result>;

/**
 * Calls a shard for what answers the same when it is repeated. A call that failed is made once
 * more, on a new stub, if the platform says that may help. An overloaded object is left alone.
 * @throws Problem `unavailable` if the shard does not answer.
 */
export function callShard<Result>(
  env: Env,
  shard: number,
  call: ShardCall<Result>,
): Promise<Result> {
  return tryCall(env, shard, call, LEDGER_CALLS, "Asking again is safe.");
}

/**
 * Calls a shard for what answers otherwise the second time: what it did, it has no more to do. The
 * answer to a call that worked may be lost, and a repetition would deny what the first one did.
 * @throws Problem `unavailable` if the shard does not answer. Whether it did it is unknown then.
 */
export function callShardOnce<Result>(
  env: Env,
  shard: number,
  call: ShardCall<Result>,
): Promise<Result> {
  return tryCall(env, shard, call, 1, "It may have done this: look before you repeat it.");
}

async function tryCall<Result>(
  env: Env,
  shard: number,
  call: ShardCall<Result>,
  maxCalls: number,
  advice: string,
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await call(env.LEDGER.getByName(shardName(shard)));
    } catch (error) {
      logError("ledger.call-failed", { shard, attempt, reason: reasonOf(error) });
      const again = marked(error, "retryable") && !marked(error, "overloaded");
      if (again && attempt < maxCalls) continue;
      throw unavailable(`The ledger does not answer. ${advice}`, 5);
    }
  }
}

/**
 * The numbers of all shards that may hold batches: those in use, and those from before
 * their number was changed. Shard 0 keeps count of the others.
 */
export async function allShards(env: Env): Promise<number[]> {
  const known = await callShard(env, 0, (stub) => stub.knownShards());
  const count = Math.min(MAX_SHARDS, Math.max(configOf(env).LEDGER_SHARDS, known));
  return Array.from({ length: count }, (_, shard) => shard);
}

/** All shards, the one first in which a batch of that key would be today. */
export async function shardsFor(env: Env, key: string): Promise<number[]> {
  const home = shardOf(env, key);
  return [home, ...(await allShards(env)).filter((shard) => shard !== home)];
}

/** The ledger as the queue's consumers see it. */
export function ledgerPort(env: Env): LedgerPort {
  return {
    claim: (shard, keys) => callShard(env, shard, (stub) => stub.claim(keys)),
    settle: (shard, reports) => callShard(env, shard, (stub) => stub.settle(reports)),
    bury: (shard, burials) => callShard(env, shard, (stub) => stub.bury(burials)),
  };
}

function marked(error: unknown, mark: "retryable" | "overloaded"): boolean {
  return typeof error === "object" && error !== null && Reflect.get(error, mark) === true;
}
