import { readFileSync } from "node:fs";
import type { LedgerShard } from "../../src/durable/ledger-shard.ts";
import { consumeDeadLetters } from "../../src/queue/dead-letters.ts";
import type { QueueMessage } from "../../src/queue/delivery.ts";
import type { LedgerPort, Report } from "../../src/queue/ticket.ts";
import { consumeTickets } from "../../src/queue/writer.ts";
import { hashOf } from "../../src/hash.ts";
import { CULPRIT_ATTEMPTS } from "../../src/limits.ts";
import { deleteExpired } from "../../src/store/retention.ts";
import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import { Clients } from "./clients.ts";
import { CURSED, isPoisoned } from "./content.ts";
import type { Faults } from "./faults.ts";
import { MessageQueue } from "./message-queue.ts";
import { Mischief } from "./mischief.ts";
import type { Random } from "./random.ts";
import { Scheduler } from "./scheduler.ts";
import { MAX_SHARDS, ShardHost } from "./shard-host.ts";
import { Databases, sqlStoreOn } from "./sqlite.ts";

const MIGRATION = readFileSync("migrations/batch-metrics/0001_batch_runs.sql", "utf8");

/** Keeps, beside the real tables, what was ever in them; and fails for what is cursed. */
const WITNESS = `
  CREATE TABLE inserted (id INTEGER, batch_id TEXT, digest TEXT);
  CREATE INDEX inserted_batch ON inserted (batch_id);
  CREATE TABLE deleted (batch_id TEXT, digest TEXT);
  CREATE TRIGGER note_insert AFTER INSERT ON batch_runs
    BEGIN INSERT INTO inserted VALUES (NEW.id, NEW.batch_id, NEW.digest); END;
  CREATE TRIGGER note_delete AFTER DELETE ON batch_runs
    BEGIN INSERT INTO deleted VALUES (OLD.batch_id, OLD.digest); END;
  CREATE TRIGGER curse BEFORE INSERT ON recipe_results WHEN NEW.recipe_name = '${CURSED}'
    BEGIN SELECT RAISE(ABORT, 'something that nobody has seen before'); END;`;

/** Databases that are bound. */
const MAX_DATABASES = 3;

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
  /** Verdicts that the writer had no cause for. */
  readonly unjust: string[] = [];
  #shards = 2;
  #shardsBefore = 2;
  #deployedAt = 0;
  #databaseShards: number;
  /** Whether deploys change the number of databases, or that of shards. Both at once is not promised. */
  readonly #deploysDatabases: boolean;
  #databaseAwayUntil = 0;

  constructor(random: Random, faults: Faults) {
    this.random = random;
    this.faults = faults;
    this.#databaseShards = random.between(1, MAX_DATABASES);
    this.#deploysDatabases = random.chance(0.3);
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

  /** Frees the databases' memory. */
  close(): void {
    this.databases.close();
    for (const { database } of this.hosts) database.close();
  }

  /** No more posts and no more mischief: from here on everything must come to its end. */
  heal(faults: Faults): void {
    this.note("healed");
    this.running = false;
    this.faults = faults;
    this.#databaseAwayUntil = 0;
    // Retention that broke off has deleted rows and not yet their run; its next run goes on.
    void this.retain();
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
    for (const host of this.hosts) host.evict();
    if (this.#deploysDatabases) {
      this.#databaseShards = this.random.between(1, MAX_DATABASES);
      this.note(`deployed with ${this.#databaseShards} databases`);
      return;
    }
    [this.#shardsBefore, this.#shards] = [this.#shards, shards];
    this.#deployedAt = this.scheduler.now();
    this.note(`deployed with ${shards} shards`);
  }

  loseDatabase(ms: number): void {
    this.#databaseAwayUntil = this.scheduler.now() + ms;
    this.note(`D1 is away for ${ms} ms`);
  }

  /** The consumers, on a network and a database that fail; when they have died, nothing answers them. */
  consume(
    messages: QueueMessage[],
    kind: "tickets" | "dead-letters",
    run: { alive: boolean },
  ): Promise<void> {
    const call = <Result>(shard: number, work: (shard: LedgerShard) => Result): Promise<Result> =>
      whileAlive(run, () => this.hosts[shard]?.call(work) ?? Promise.reject(new Error("no shard")));
    const ledger: LedgerPort = {
      claim: (shard, keys) => call(shard, ({ ledger: core }) => core.claim(keys)),
      settle: (shard, reports) =>
        call(shard, (instance) => {
          const early = reports.filter((report) => this.#isEarly(instance, report));
          instance.settle(reports);
          for (const { key } of early) {
            if (instance.ledger.find(key)?.state === "dead")
              this.unjust.push(`unjust: ${key} was declared dead before its time`);
          }
        }),
      bury: (shard, burials) =>
        call(shard, (instance) => {
          const wrong = burials.filter(({ key, replays }) => this.#isOld(instance, key, replays));
          const dead = instance.bury(burials);
          for (const { key } of burials) this.note(`bury ${key}`);
          for (const { key } of wrong) {
            if (instance.ledger.find(key)?.state === "dead")
              this.unjust.push(`unjust: an old ticket buried ${key}, which had been replayed`);
          }
          return dead;
        }),
    };
    if (kind === "dead-letters") return consumeDeadLetters(messages, ledger);
    const databases = this.databases.each.map((database) =>
      sqlStoreOn(database, (work) => whileAlive(run, () => this.#withDatabase(work))),
    );
    const open = { stream: batchMetrics, databases, sink: null };
    return consumeTickets(messages, { ledger, stream: () => open });
  }

  /** What is older than 2021 goes. */
  async retain(): Promise<void> {
    this.note("retention");
    for (const database of this.databases.each) {
      const sql = sqlStoreOn(database, (work) => this.#withDatabase(work));
      await deleteExpired(sql, batchMetrics, "2021-01-01T00:00:00Z").catch(() => {});
    }
  }

  #isOld({ ledger }: LedgerShard, key: string, replays: number): boolean {
    const row = ledger.find(key);
    return row?.state === "pending" && row.replays !== replays;
  }

  /** Only content that a constraint refuses may die at once, and after so many attempts what fails by itself. */
  #isEarly({ ledger }: LedgerShard, { key, digest, outcome }: Report): boolean {
    this.note(`settle ${key} ${digest.slice(0, 6)} ${outcome}`);
    const content = this.clients.posted.get(digest);
    const row = ledger.find(key);
    if (outcome !== "dead" || row?.state !== "pending") return false;
    return !(content && isPoisoned(content)) && row.attempts + 1 < CULPRIT_ATTEMPTS;
  }

  async #withDatabase<Result>(work: () => Result): Promise<Result> {
    const { scheduler, random, faults } = this;
    const fail = (when: string, reason: string): never => {
      this.note(`D1 fails ${when}: ${reason}`);
      throw new Error(`D1_ERROR: ${reason}`);
    };
    await scheduler.delay(random.between(1, 40));
    if (scheduler.now() < this.#databaseAwayUntil) fail("before", "D1 DB is overloaded.");
    if (random.chance(faults.databaseFails)) fail("before", "Network connection lost.");
    if (random.chance(faults.databaseOdd)) fail("before", "something odd");
    const result = work();
    await scheduler.delay(random.between(1, 40));
    if (random.chance(faults.databaseFailsAfter)) fail("after it committed", "reset");
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
