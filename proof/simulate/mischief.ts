import type { LedgerShard } from "../../src/durable/ledger-shard.ts";
import { listDeadLetters } from "../../src/durable/dead-letter-list.ts";
import { MAX_SHARDS, type ShardHost } from "./shard-host.ts";
import type { World } from "./world.ts";

/** No call and no consumer lasts longer. */
export const QUIET_MS = 2_000_000;

/** What operators, deploys, retention and time do, now and then, at the chances of the faults. */
export class Mischief {
  readonly #world: World;
  /** Dead batches that operators dropped. */
  dropped = 0;
  /** Where they were to go, and when they were dropped. */
  readonly #droppedFrom = new Map<string, { database: number; at: number }>();

  constructor(world: World) {
    this.#world = world;
    this.#next();
  }

  /** When the last of them was. */
  get droppedAt(): number {
    return Math.max(0, ...Array.from(this.#droppedFrom.values(), ({ at }) => at));
  }

  /** An operator who looks on as a batch dies replays it soon, or has it posted anew, while others may still have it in hand. */
  died(host: ShardHost, key: string): void {
    const { scheduler, random, running, faults, clients } = this.#world;
    if (!running) return;
    const replays = random.chance(faults.replayed * 10);
    if (!replays && !random.chance(faults.dropped * 25)) return;
    scheduler.after(random.between(0, 30_000), () => {
      host
        .call(async (shard) => {
          if (replays) {
            await shard.replay([key]);
            return;
          }
          const digest = shard.ledger.find(key)?.digest;
          if (digest && this.#drop(shard, key)) clients.postAgain(digest);
        })
        .catch(() => {});
    });
  }

  #next(): void {
    const world = this.#world;
    const { scheduler, random } = world;
    scheduler.after(random.between(1, 200) * world.pace, () => {
      if (!world.running) return;
      this.#next();
      for (const host of world.hosts) if (world.strikes("evicted")) host.evict();
      if (world.strikes("deployed") || world.draining) world.deploy(random.between(1, MAX_SHARDS));
      if (world.strikes("alarmsAway"))
        random.pick(world.hosts.slice(0, 2))?.loseAlarms(random.between(100, 1_800_000));
      if (world.strikes("databaseAway")) world.loseDatabase(random.between(100, 600_000));
      if (world.strikes("replayed")) {
        if (random.chance(0.2)) world.mend();
        const limit = random.between(1, 5);
        for (const host of world.hosts)
          host.call((shard) => shard.replayAll({}, limit)).catch(() => {});
      }
      if (world.strikes("dropped") || world.draining) this.#dropAny();
      if (world.strikes("retained")) void world.task(() => world.retain());
      if (world.strikes("timeJumps")) {
        // Past the redelivery, or past what the ledger remembers.
        const ms = random.chance(0.8) ? random.between(0, 2_000_000) : 31 * 86_400_000;
        world.note(`${ms} ms pass`);
        scheduler.skip(ms);
      }
    });
  }

  /** An operator drops a dead batch that the list shows. */
  #dropAny(): void {
    const { hosts, random } = this.#world;
    const host = random.pick(hosts);
    host
      ?.call((shard) => {
        const row = random.pick(listDeadLetters(host.sql, {}, undefined, 10));
        if (row) this.#drop(shard, row.key);
      })
      .catch(() => {});
  }

  /**
   * Whether a batch was dropped so recently that a writer may still have it in hand, for another
   * database: posting it again for this one is what is not promised (docs/decisions/0013).
   */
  mayComeFor(key: string, database: number): boolean {
    const dropped = this.#droppedFrom.get(key);
    if (!dropped || dropped.database === database) return false;
    return this.#world.scheduler.now() < dropped.at + QUIET_MS;
  }

  #drop({ ledger }: LedgerShard, key: string): boolean {
    const database = ledger.find(key)?.database;
    if (database === undefined || !ledger.drop(key)) return false;
    this.dropped += 1;
    this.#droppedFrom.set(key, { database, at: this.#world.scheduler.now() });
    this.#world.note(`dropped ${key}`);
    return true;
  }
}
