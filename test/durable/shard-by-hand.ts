import { ledgerSqlOf } from "../../src/durable/batch-ledger.ts";
import {
  LedgerShard,
  type ShardPorts,
  type ShardSettings,
} from "../../src/durable/ledger-shard.ts";
import { HandClock } from "./hand-clock.ts";

/** A shard with a hand on its clock, what its alarm was set for, and the batches of each of its sends. */
export function shardByHand(
  storage: DurableObjectStorage,
  { retentionMs = 1e9, ...other }: Partial<ShardPorts & ShardSettings> = {},
) {
  const clock = new HandClock();
  const sent: string[][] = [];
  const alarms: number[] = [];
  const ports: ShardPorts = {
    sql: ledgerSqlOf(storage),
    clock,
    async send(tickets) {
      sent.push(tickets.map(({ batch_id }) => batch_id));
    },
    async setAlarm(time) {
      if (time <= 0) throw new TypeError("the platform takes no alarm time <= 0");
      alarms.push(time);
    },
    ...other,
  };
  const shard = new LedgerShard(ports, { shard: 0, redeliverAfterMs: 1_000, retentionMs });
  return { alarms, clock, sent, shard, sql: ports.sql };
}
