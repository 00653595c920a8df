import { type ShardPorts, LedgerShard } from "../../src/durable/ledger-shard.ts";
import type { Clock } from "../../src/durable/clock.ts";
import type { World } from "./world.ts";
import { Database, ledgerSqlOn } from "./sqlite.ts";

/** What an instance's promises end with when it has ended: its callers see this. */
export class Evicted extends Error {}

/** Keeps, beside the real tables, what was ever accepted, and what left them in which state. */
const WITNESS = `
  CREATE TABLE accepted (key TEXT, digest TEXT);
  CREATE INDEX accepted_key ON accepted (key);
  CREATE TABLE gone (key TEXT, digest TEXT, state TEXT, batch_run_id INTEGER, settled_for_ms INTEGER);
  CREATE TRIGGER note_accept AFTER INSERT ON batches
    BEGIN INSERT INTO accepted VALUES (NEW.key, NEW.digest); END;
  CREATE TRIGGER note_gone AFTER DELETE ON batches
    BEGIN INSERT INTO gone VALUES
      (OLD.key, OLD.digest, OLD.state, OLD.batch_run_id, simulated_now() - OLD.settled_at); END;`;

const REDELIVER_AFTER_MS = 900_000;
/** How long the ledger remembers a written batch. */
export const RETENTION_MS = 30 * 24 * 3_600_000;

/** Most shards that a deploy may set. */
export const MAX_SHARDS = 4;

interface Instance {
  shard: LedgerShard;
  alive: boolean;
  /** Rejects the calls that are under way. */
  ended: PromiseWithResolvers<never>;
}

/** Where a shard lives: storage and an alarm that last, and an instance that may end at any time. */
export class ShardHost {
  readonly database = new Database();
  readonly number: number;
  /** The shard's storage, for who looks on. */
  readonly sql = ledgerSqlOn(this.database, () => {});
  readonly #world: World;
  #instance: Instance | undefined;
  #alarmAt: number | null = null;

  constructor(world: World, number: number) {
    this.#world = world;
    this.number = number;
    this.database.define("simulated_now", () => world.scheduler.now());
    this.#wake();
    this.database.exec(WITNESS);
  }

  /** Calls the instance, there and back over a network that fails. */
  async call<Result>(work: (shard: LedgerShard) => Result | Promise<Result>): Promise<Result> {
    const world = this.#world;
    const { scheduler } = world;
    await scheduler.delay(world.duration(0, 20, "callSlow"));
    if (world.strikes("requestLost")) throw new Error("Network connection lost.");
    const instance = this.#wake();
    const result = await Promise.race([
      Promise.resolve(work(instance.shard)),
      instance.ended.promise,
    ]);
    await scheduler.delay(world.duration(0, 20, "callSlow"));
    if (world.strikes("replyLost")) throw new Error("Network connection lost.");
    return result;
  }

  /** Ends the instance: what it had in memory is gone. */
  evict(): void {
    const instance = this.#instance;
    if (!instance) return;
    this.#world.note(`shard ${this.number} evicted`);
    instance.alive = false;
    instance.ended.reject(new Evicted("Durable Object reset"));
    this.#instance = undefined;
  }

  #wake(): Instance {
    if (this.#instance) return this.#instance;
    const ended = Promise.withResolvers<never>();
    // Nobody may be waiting when it ends.
    ended.promise.catch(() => {});
    const check = () => {
      if (!instance.alive) throw new Evicted("the instance has ended");
    };
    const settings = {
      shard: this.number,
      redeliverAfterMs: REDELIVER_AFTER_MS,
      retentionMs: RETENTION_MS,
    };
    const alive = true;
    const instance: Instance = {
      alive,
      ended,
      shard: new LedgerShard(
        this.#ports(() => check()),
        settings,
      ),
    };
    this.#instance = instance;
    instance.shard.resume(this.#alarmAt).catch((error: unknown) => {
      if (!(error instanceof Evicted)) this.evict();
    });
    return instance;
  }

  #ports(check: () => void): ShardPorts {
    const { scheduler, random } = this.#world;
    let started = false;
    const alive = () => {
      // While it is being made there is no instance yet to have ended.
      if (started) check();
    };
    queueMicrotask(() => {
      started = true;
    });
    const clock: Clock = {
      now: () => scheduler.now(),
      after: (ms, callback) =>
        scheduler.after(ms, () => {
          try {
            check();
          } catch {
            return;
          }
          callback();
        }),
    };
    return {
      sql: ledgerSqlOn(this.database, alive),
      clock,
      send: (tickets) => this.#world.queue.send(tickets),
      setAlarm: async (time) => {
        alive();
        if (time <= 0) throw new TypeError("the platform takes no alarm time <= 0");
        if (this.#world.strikes("alarmFails")) throw new Error("the alarm cannot be set");
        this.#setAlarm(time);
        await scheduler.delay(random.between(0, 2));
        alive();
      },
    };
  }

  #setAlarm(time: number): void {
    this.#alarmAt = time;
    const { scheduler, random } = this.#world;
    const late = random.chance(0.1) ? random.between(0, 60_000) : random.between(0, 50);
    scheduler.after(time - scheduler.now() + late, () => {
      // Set for another time meanwhile: that event will come.
      if (this.#alarmAt === time) void this.#ring();
    });
  }

  /** The platform calls the alarm at least once, and again where it fails. */
  async #ring(): Promise<void> {
    this.#alarmAt = null;
    this.#world.note(`shard ${this.number} alarm`);
    const instance = this.#wake();
    try {
      await Promise.race([instance.shard.alarm(), instance.ended.promise]);
      if (this.#world.strikes("alarmDoubled") && instance.alive) {
        await Promise.race([instance.shard.alarm(), instance.ended.promise]);
      }
    } catch {
      if (this.#alarmAt === null) this.#setAlarm(this.#world.scheduler.now() + 2_000);
    }
  }
}
