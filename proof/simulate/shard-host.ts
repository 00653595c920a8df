import { type ShardPorts, LedgerShard } from "../../src/durable/ledger-shard.ts";
import type { Clock } from "../../src/durable/clock.ts";
import { SHARD_CROWDED_BYTES, SHARD_FULL_BYTES } from "../../src/limits.ts";
import type { World } from "./world.ts";
import { Database, ledgerSqlOn, sizeOf } from "./sqlite.ts";

/** What an instance's promises end with when it has ended: its callers see this. */
export class Evicted extends Error {}

/** Keeps, beside the real tables, what was ever accepted, and what left them in which state. */
const WITNESS = `
  CREATE TABLE accepted (key TEXT, digest TEXT);
  CREATE INDEX accepted_key ON accepted (key);
  CREATE TABLE gone (key TEXT, digest TEXT, state TEXT, batch_run_id INTEGER, settled_for_ms INTEGER,
    crowded INTEGER, accepted_at INTEGER, written_digest TEXT, gone_at INTEGER);
  CREATE TRIGGER note_accept AFTER INSERT ON batches
    BEGIN INSERT INTO accepted VALUES (NEW.key, NEW.digest); END;
  CREATE TRIGGER note_gone AFTER DELETE ON batches
    BEGIN INSERT INTO gone VALUES
      (OLD.key, OLD.digest, OLD.state, OLD.batch_run_id, simulated_now() - OLD.settled_at,
        simulated_crowd(), OLD.accepted_at, OLD.written_digest, simulated_now()); END;`;

const REDELIVER_AFTER_MS = 900_000;
/** The platform calls an alarm that fails so often again, after this time and then twice as long each time. */
const ALARM_RETRIES = 6;
const ALARM_RETRY_MS = 2_000;
const AUDIT_EVERY_MS = 3_600_000;
/** How long the ledger remembers a written batch. */
export const RETENTION_MS = 30 * 24 * 3_600_000;

/** Most shards that a deploy may set. */
export const MAX_SHARDS = 4;

/** An instance from its beginning to its end. */
interface Life {
  alive: boolean;
  /** What cancels its timers, which end with it. */
  timers: Set<() => void>;
  /** Rejects the calls that are under way. */
  ended: PromiseWithResolvers<never>;
}

interface Instance {
  shard: LedgerShard;
  life: Life;
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
  #alarmsAwayUntil = 0;
  /** Whether an alarm runs that found the shard crowded. */
  #crowded = false;
  /** When the shard last found itself full. */
  fullAt = 0;

  constructor(world: World, number: number) {
    this.#world = world;
    this.number = number;
    this.database.define("simulated_now", () => world.scheduler.now());
    this.database.define("simulated_crowd", () => (this.#crowded ? 1 : 0));
    this.#wake();
    this.database.exec(WITNESS);
  }

  /** Calls the instance, there and back over a network that fails. */
  async call<Result>(work: (shard: LedgerShard) => Result | Promise<Result>): Promise<Result> {
    const world = this.#world;
    const { scheduler } = world;
    await scheduler.delay(world.duration(0, 20, "callSlow"));
    if (world.strikes("requestLost")) throw new Error("Network connection lost.");
    const result = await this.#untilItEnds(work);
    await scheduler.delay(world.duration(0, 20, "callSlow"));
    if (world.strikes("replyLost")) throw new Error("Network connection lost.");
    return result;
  }

  /** Ends the instance: what it had in memory is gone. */
  evict(): void {
    const instance = this.#instance;
    if (!instance) return;
    this.#world.note(`shard ${this.number} evicted`);
    const { life } = instance;
    life.alive = false;
    for (const cancel of life.timers) cancel();
    life.ended.reject(new Evicted("Durable Object reset"));
    this.#instance = undefined;
  }

  /** For so long no alarm can be set. */
  loseAlarms(ms: number): void {
    this.#world.note(`shard ${this.number} can set no alarm for ${ms} ms`);
    this.#alarmsAwayUntil = this.#world.scheduler.now() + ms;
  }

  #untilItEnds<Result>(work: (shard: LedgerShard) => Result | Promise<Result>): Promise<Result> {
    const { shard, life } = this.#wake();
    return Promise.race([Promise.resolve(work(shard)), life.ended.promise]);
  }

  #wake(): Instance {
    if (this.#instance) return this.#instance;
    const life: Life = { alive: true, timers: new Set(), ended: Promise.withResolvers<never>() };
    // Nobody may be waiting when it ends.
    life.ended.promise.catch(() => {});
    const settings = {
      shard: this.number,
      redeliverAfterMs: REDELIVER_AFTER_MS,
      retentionMs: RETENTION_MS,
    };
    const instance: Instance = { life, shard: new LedgerShard(this.#ports(life), settings) };
    this.#instance = instance;
    instance.shard.resume(this.#alarmAt).catch((error: unknown) => {
      if (!(error instanceof Evicted)) this.evict();
    });
    return instance;
  }

  #ports(life: Life): ShardPorts {
    const { scheduler, random } = this.#world;
    const check = () => {
      if (!life.alive) throw new Evicted("the instance has ended");
    };
    return {
      sql: { ...ledgerSqlOn(this.database, check), size: () => this.#size() },
      clock: clockOf(scheduler, life),
      send: (tickets) => this.#world.queue.send(tickets),
      setAlarm: async (time) => {
        check();
        if (time <= 0) throw new TypeError("the platform takes no alarm time <= 0");
        const away = scheduler.now() < this.#alarmsAwayUntil;
        if (away || this.#world.strikes("alarmFails")) throw new Error("the alarm cannot be set");
        this.#setAlarm(time, 0);
        await scheduler.delay(random.between(0, 2));
        check();
      },
    };
  }

  #setAlarm(time: number, failures: number): void {
    this.#alarmAt = time;
    const { scheduler, random } = this.#world;
    const late = random.chance(0.1) ? random.between(0, 60_000) : random.between(0, 50);
    scheduler.after(time - scheduler.now() + late, () => {
      // Set for another time meanwhile: that event will come.
      if (this.#alarmAt === time) void this.#ring(failures);
    });
  }

  /** The platform calls the alarm at least once; and again where it fails, but not for ever. */
  async #ring(failures: number): Promise<void> {
    const world = this.#world;
    this.#alarmAt = null;
    world.note(`shard ${this.number} alarm`);
    world.count("alarm");
    try {
      await this.#untilItEnds((shard) => this.#alarmOf(shard));
      if (world.strikes("alarmDoubled")) {
        if (world.random.chance(0.5)) this.evict();
        await this.#untilItEnds((shard) => this.#alarmOf(shard));
      }
    } catch (error) {
      // It was set for another time meanwhile.
      if (this.#alarmAt !== null) return;
      // That the object was reset is no failure of the alarm's own.
      const own = failures + (error instanceof Evicted ? 0 : 1);
      if (own > ALARM_RETRIES) this.#abandonAlarm();
      else this.#setAlarm(world.scheduler.now() + ALARM_RETRY_MS * 2 ** failures, own);
    }
  }

  /** Forgetting happens before the alarm waits for anything. */
  #alarmOf(shard: LedgerShard): Promise<void> {
    this.#crowded = sizeOf(this.database) > SHARD_CROWDED_BYTES;
    try {
      return shard.alarm();
    } finally {
      this.#crowded = false;
    }
  }

  /** What the shard stores, as it asks for it itself. */
  #size(): number {
    const size = sizeOf(this.database);
    if (size > SHARD_FULL_BYTES) this.fullAt = this.#world.scheduler.now();
    return size;
  }

  /**
   * From here on only a call wakes the shard: at the latest one of the hourly audit, which finds
   * the object evicted, since it was idle. The audit would as well save what no alarm was ever set
   * for, which has to be noticed: so it comes to nobody else.
   */
  #abandonAlarm(): void {
    const { scheduler, random } = this.#world;
    this.#world.note(`shard ${this.number} alarm abandoned`);
    this.#world.count("alarm abandoned");
    const audit = () => {
      if (this.#alarmAt !== null) return;
      this.evict();
      this.#wake();
      scheduler.after(AUDIT_EVERY_MS, audit);
    };
    scheduler.after(random.between(0, AUDIT_EVERY_MS), audit);
  }
}

/** Time as an instance sees it, until it ends. */
function clockOf(scheduler: Clock, life: Life): Clock {
  return {
    now: () => scheduler.now(),
    after(ms, callback) {
      // An instance that has ended may run on up to its next look at its storage.
      if (!life.alive) return () => {};
      const cancel = scheduler.after(ms, () => {
        life.timers.delete(cancel);
        callback();
      });
      life.timers.add(cancel);
      return () => {
        life.timers.delete(cancel);
        cancel();
      };
    },
  };
}
