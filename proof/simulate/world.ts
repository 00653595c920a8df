import { readFileSync } from "node:fs";
import type { LedgerShard } from "../../src/durable/ledger-shard.ts";
import { consumeDeadLetters } from "../../src/queue/dead-letters.ts";
import type { QueueMessage } from "../../src/queue/delivery.ts";
import { consumeTickets } from "../../src/queue/writer.ts";
import { hashOf } from "../../src/hash.ts";
import { deleteExpired } from "../../src/store/retention.ts";
import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import { Clients } from "./clients.ts";
import { CURSED, UNWANTED } from "./content.ts";
import type { Faults } from "./faults.ts";
import { judgedLedger } from "./judged-ledger.ts";
import { MessageQueue } from "./message-queue.ts";
import { Mischief, QUIET_MS } from "./mischief.ts";
import type { Random } from "./random.ts";
import { Scheduler } from "./scheduler.ts";
import { MAX_SHARDS, ShardHost } from "./shard-host.ts";
import { Databases, sqlStoreOn } from "./sqlite.ts";

const MIGRATION = readFileSync("migrations/batch-metrics/0001_batch_runs.sql", "utf8");

/** Keeps, beside the real tables, what was ever in them; and fails for what is cursed or unwanted. */
const WITNESS = `
  CREATE TABLE inserted (id INTEGER, batch_id TEXT, digest TEXT);
  CREATE INDEX inserted_batch ON inserted (batch_id);
  CREATE TABLE deleted (id INTEGER, batch_id TEXT, deleted_at INTEGER);
  CREATE TRIGGER note_insert AFTER INSERT ON batch_runs
    BEGIN INSERT INTO inserted VALUES (NEW.id, NEW.batch_id, NEW.digest); END;
  CREATE TRIGGER note_delete AFTER DELETE ON batch_runs
    BEGIN INSERT INTO deleted VALUES (OLD.id, OLD.batch_id, simulated_now()); END;
  CREATE TRIGGER curse BEFORE INSERT ON recipe_results WHEN NEW.recipe_name = '${CURSED}'
    BEGIN SELECT RAISE(ABORT, 'something that nobody has seen before'); END;
  CREATE TRIGGER stricter BEFORE INSERT ON recipe_results WHEN NEW.recipe_name = '${UNWANTED}'
    BEGIN SELECT RAISE(ABORT, 'constraint failed: stricter than the schema'); END;`;

const MEND = "DROP TRIGGER IF EXISTS curse; DROP TRIGGER IF EXISTS stricter";

/** What began before then is past its retention. */
export const RETAINED_SINCE = "2021-01-01T00:00:00Z";

/** Databases that are bound. */
const MAX_DATABASES = 3;

/** What the time between two posts, and between two pieces of mischief, is multiplied by. */
const PACES = [1, 30, 300];

type Deployable = "shards" | "databases";

const DEPLOYABLE: readonly (readonly Deployable[])[] = [
  ["shards"],
  ["databases"],
  ["shards", "databases"],
];

/** Versions of a deploy are in use side by side for a while. */
const DEPLOY_MS = 60_000;

/** The whole system with everything around it: clients, operators, and what goes wrong. */
export class World {
  readonly scheduler = new Scheduler();
  readonly databases = new Databases(
    MAX_DATABASES,
    `PRAGMA foreign_keys = ON; ${MIGRATION} ${WITNESS}`,
  );
  readonly queue: MessageQueue;
  readonly random: Random;
  faults: Faults;
  readonly hosts: ShardHost[];
  readonly clients: Clients;
  readonly mischief: Mischief;
  /** What happened: a line each. */
  readonly history: string[] = [];
  hash = 0x811c9dc5;
  /** Whether there are posts and mischief. */
  running = true;
  /** Whether nobody posts, because an operator waits until nothing is pending. */
  draining = false;
  /** Tasks that have begun and not ended: of clients, operators, the service's clock, and consumers, dead ones too. */
  tasks = 0;
  /** Verdicts that the consumers had no cause for, and what the ledger made of a verdict wrongly. */
  readonly unjust: string[] = [];
  /** How often each fault struck, and other things happened. */
  readonly counts = new Map<string, number>();
  /** How slowly all goes on around the system: more time passes in a slow life, and more comes late. */
  readonly pace: number;
  #shards = 2;
  #shardsBefore = 2;
  #deployedAt = 0;
  #databaseShards: number;
  /** What the last deploy changed. To change the other number, too, is promised only when all is quiet. */
  #deployed: Deployable;
  /** What deploys change in this life. */
  readonly #deployable: readonly Deployable[];
  #databaseAwayUntil = 0;

  constructor(random: Random, faults: Faults) {
    this.random = random;
    this.faults = faults;
    for (const database of this.databases.each) {
      database.define("simulated_now", () => this.scheduler.now());
    }
    this.pace = random.pick(PACES) ?? 1;
    this.#databaseShards = random.between(1, MAX_DATABASES);
    this.#deployable = random.pick(DEPLOYABLE) ?? ["shards"];
    this.#deployed = random.pick(this.#deployable) ?? "shards";
    this.queue = new MessageQueue(this);
    this.hosts = Array.from({ length: MAX_SHARDS }, (_, number) => new ShardHost(this, number));
    this.clients = new Clients(this);
    this.mischief = new Mischief(this);
  }

  /** Notes what happens, for the history and for the hash that tells two runs apart. */
  note(line: string): void {
    const text = `${this.scheduler.now()} ${line}`;
    this.history.push(text);
    for (let index = 0; index < text.length; index++) {
      this.hash = Math.imul(this.hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
    }
  }

  /** Whether that goes wrong now. */
  strikes(fault: keyof Faults): boolean {
    const struck = this.random.chance(this.faults[fault]);
    if (struck) this.count(fault);
    return struck;
  }

  /** Counts what happens: a life in which nothing happens proves nothing. */
  count(name: string): void {
    this.counts.set(name, (this.counts.get(name) ?? 0) + 1);
  }

  /** How long a thing takes: at most so long, or, where that fault strikes, up to 15 minutes. */
  duration(least: number, most: number, slow: keyof Faults): number {
    const { random } = this;
    if (!this.strikes(slow)) return random.between(least, most);
    return random.chance(0.5) ? random.between(1_000, 20_000) : random.between(60_000, 900_000);
  }

  /** Frees the databases' memory. */
  close(): void {
    this.databases.close();
    for (const { database } of this.hosts) database.close();
  }

  /**
   * No more posts and no more mischief: from here on everything must come to its end. Where no alarm
   * can be set that ends by itself: nobody posts any more, so what was abandoned meanwhile is alone.
   */
  heal(faults: Faults): void {
    this.note("healed");
    this.running = false;
    this.faults = faults;
    this.#databaseAwayUntil = 0;
  }

  /** Where a batch is posted to: by the number of shards of the version that takes it. */
  hostOf(key: string): ShardHost {
    const deploying = this.scheduler.now() < this.#deployedAt + DEPLOY_MS;
    const shards = deploying && this.random.chance(0.5) ? this.#shardsBefore : this.#shards;
    const host = this.hosts[hashOf(key) % shards];
    if (!host) throw new Error("there is no such shard");
    return host;
  }

  /** The number of the database that a new batch goes to. */
  databaseOf(key: string): number {
    return hashOf(key) % this.#databaseShards;
  }

  deploy(shards: number): void {
    const others = this.#deployable.filter((one) => one !== this.#deployed);
    const choice = this.draining ? others : this.#deployable;
    const what = this.random.pick(choice) ?? this.#deployed;
    // Who changes both lets the one come to rest before the other.
    this.draining = what !== this.#deployed && !this.#isQuiet();
    if (this.draining) return;
    if (what !== this.#deployed) this.count("deploys of the other number");
    this.#deployed = what;
    for (const host of this.hosts) host.evict();
    if (what === "databases") {
      this.#databaseShards = this.random.between(1, MAX_DATABASES);
      this.note(`deployed with ${this.#databaseShards} databases`);
      return;
    }
    [this.#shardsBefore, this.#shards] = [this.#shards, shards];
    this.#deployedAt = this.scheduler.now();
    this.note(`deployed with ${shards} shards`);
  }

  /**
   * What an operator waits for between two deploys: one version is left, nothing is pending or dead,
   * and no consumer is left that has in hand what was dropped.
   */
  #isQuiet(): boolean {
    const since = Math.max(this.#deployedAt, this.mischief.droppedAt);
    if (this.scheduler.now() < since + QUIET_MS) return false;
    const open = "SELECT 1 FROM batches WHERE state <> 'written' LIMIT 1";
    return this.hosts.every(({ database }) => database.all(open).length === 0);
  }

  loseDatabase(ms: number): void {
    this.#databaseAwayUntil = this.scheduler.now() + ms;
    this.note(`D1 is away for ${ms} ms`);
  }

  /** From here on D1 takes what was cursed or unwanted. */
  mend(): void {
    this.note("mended");
    for (const database of this.databases.each) database.exec(MEND);
  }

  /** The consumers, on a network and a database that fail; when they have died, nothing answers them. */
  consume(
    messages: QueueMessage[],
    kind: "tickets" | "dead-letters",
    run: { alive: boolean },
  ): Promise<void> {
    const call = <Result>(shard: number, work: (shard: LedgerShard) => Result): Promise<Result> =>
      whileAlive(run, () => this.hosts[shard]?.call(work) ?? Promise.reject(new Error("no shard")));
    const ledger = judgedLedger(this, call);
    if (kind === "dead-letters") return consumeDeadLetters(messages, ledger);
    const databases = this.databases.each.map((database) =>
      sqlStoreOn(database, (work) =>
        whileAlive(run, () => this.task(() => this.#withDatabase(work))),
      ),
    );
    const open = { stream: batchMetrics, databases, sink: null };
    return consumeTickets(messages, { ledger, stream: () => open });
  }

  /** Work that has to end before a life does, whatever became of who asked for it. */
  async task<Result>(work: () => Promise<Result>): Promise<Result> {
    this.tasks += 1;
    try {
      return await work();
    } finally {
      this.tasks -= 1;
    }
  }

  /** What is past its retention goes, as far as so many runs of retention come. */
  async retain(mostRuns = 1): Promise<void> {
    this.note("retention");
    for (const database of this.databases.each) {
      const sql = sqlStoreOn(database, (work) => this.#withDatabase(work));
      const none = { more: false };
      for (let runs = 1; runs <= mostRuns; runs++) {
        const deleting = deleteExpired(sql, batchMetrics, RETAINED_SINCE);
        const { more } = await deleting.catch(() => none);
        if (!more) break;
        this.count("retention left some");
      }
    }
  }

  async #withDatabase<Result>(work: () => Result): Promise<Result> {
    const { scheduler } = this;
    const fail = (when: string, reason: string): never => {
      this.note(`D1 fails ${when}: ${reason}`);
      throw new Error(`D1_ERROR: ${reason}`);
    };
    await scheduler.delay(this.duration(1, 40, "databaseSlow"));
    if (scheduler.now() < this.#databaseAwayUntil) fail("before", "D1 DB is overloaded.");
    if (this.strikes("databaseFails")) fail("before", "Network connection lost.");
    if (this.strikes("databaseOdd")) fail("before", "something odd");
    const result = work();
    await scheduler.delay(this.duration(1, 40, "databaseSlow"));
    if (this.strikes("databaseFailsAfter")) fail("after it committed", "reset");
    return result;
  }
}

/** A consumer that has died gets no answer, and what it had asked for may have happened. */
async function whileAlive<Result>(
  run: { alive: boolean },
  work: () => Promise<Result>,
): Promise<Result> {
  if (!run.alive) await new Promise(() => {});
  try {
    return await work();
  } finally {
    if (!run.alive) await new Promise(() => {});
  }
}
