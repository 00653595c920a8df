import { readFileSync } from "node:fs";
import type { LedgerShard } from "../../src/durable/ledger-shard.ts";
import type { Admission } from "../../src/durable/ledger.ts";
import { consumeDeadLetters } from "../../src/queue/dead-letters.ts";
import type { QueueMessage } from "../../src/queue/delivery.ts";
import { keyOf, type LedgerPort } from "../../src/queue/ticket.ts";
import { consumeTickets } from "../../src/queue/writer.ts";
import { deleteExpired } from "../../src/store/retention.ts";
import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import { contentOf } from "./content.ts";
import type { Faults } from "./faults.ts";
import { MessageQueue } from "./message-queue.ts";
import type { Random } from "./random.ts";
import { Scheduler } from "./scheduler.ts";
import { ShardHost } from "./shard-host.ts";
import { Database, sqlStoreOn } from "./sqlite.ts";

const MIGRATION = readFileSync("migrations/batch-metrics/0001_batch_runs.sql", "utf8");

/** Keeps, beside the real tables, what was ever in them; and refuses poison. */
const WITNESS = `
  CREATE TABLE inserted (batch_id TEXT, digest TEXT);
  CREATE TABLE deleted (batch_id TEXT, digest TEXT);
  CREATE TRIGGER note_insert AFTER INSERT ON batch_runs
    BEGIN INSERT INTO inserted VALUES (NEW.batch_id, NEW.digest); END;
  CREATE TRIGGER note_delete AFTER DELETE ON batch_runs
    BEGIN INSERT INTO deleted VALUES (OLD.batch_id, OLD.digest); END;
  CREATE TRIGGER poison BEFORE INSERT ON recipe_results WHEN NEW.recipe_name = 'poison'
    BEGIN SELECT RAISE(ABORT, 'poisoned recipe: SQLITE_CONSTRAINT'); END;`;

const MAX_SHARDS = 4;

/** The whole system with everything around it: clients, operators, and what goes wrong. */
export class World {
  readonly scheduler = new Scheduler();
  readonly database = new Database();
  readonly queue: MessageQueue;
  readonly random: Random;
  faults: Faults;
  readonly hosts: ShardHost[];
  /** Batches that were promised to a client: a 2xx was sent. */
  readonly promised = new Map<string, Admission>();
  /** What happened, of late or of everything: a line each. */
  readonly history: string[] = [];
  hash = 0x811c9dc5;
  #shards = 2;
  #databaseAwayUntil = 0;
  #running = true;
  readonly #numbers: number;

  constructor(random: Random, faults: Faults, numbers: number) {
    this.random = random;
    this.faults = faults;
    this.#numbers = numbers;
    this.database.exec(`PRAGMA foreign_keys = ON; ${MIGRATION} ${WITNESS}`);
    this.queue = new MessageQueue(this);
    this.hosts = Array.from({ length: MAX_SHARDS }, (_, number) => new ShardHost(this, number));
    for (let client = 0; client < 3; client++) this.#client();
    this.#mischief();
  }

  /** Notes what happens, for the history and for the hash that tells two runs apart. */
  note(line: string): void {
    this.history.push(`${this.scheduler.now()} ${line}`);
    for (let index = 0; index < line.length; index++) {
      this.hash = Math.imul(this.hash ^ line.charCodeAt(index), 0x01000193) >>> 0;
    }
  }

  /** Frees the databases' memory. */
  close(): void {
    for (const { database } of [this, ...this.hosts]) database.close();
  }

  /** No more posts and no more mischief: from here on everything must come to its end. */
  heal(faults: Faults): void {
    this.#running = false;
    this.faults = faults;
    this.#databaseAwayUntil = 0;
    // Retention that broke off has deleted rows and not yet their run; its next run goes on.
    void this.#retain();
  }

  /** A client posts, waits for the answer or gives up, and goes on. */
  #client(): void {
    const { scheduler, random } = this;
    scheduler.after(random.between(1, 400), () => {
      if (!this.#running) return;
      this.#client();
      const variant = random.chance(0.15) ? 1 : 0;
      const admission = contentOf(random.below(this.#numbers), variant);
      const copies = random.chance(0.1) ? random.between(2, 5) : 1;
      for (let copy = 0; copy < copies; copy++) void this.#post(admission);
    });
  }

  async #post(admission: Admission): Promise<void> {
    const { random } = this;
    const wait = random.chance(0.5) ? 0 : random.between(1, 10_000);
    const name = `${keyOf(admission)} ${admission.digest.slice(0, 6)}`;
    try {
      const receipt = await this.#hostOf(keyOf(admission)).call((shard) => {
        this.note(`post ${name}`);
        return shard.accept(admission, wait);
      });
      this.note(`answer ${name} ${receipt.outcome} ${"state" in receipt ? receipt.state : ""}`);
      if (receipt.outcome === "accepted" || receipt.outcome === "duplicate") {
        this.promised.set(`${keyOf(admission)} ${admission.digest}`, admission);
      }
    } catch (error) {
      this.note(`no answer ${name} ${error instanceof Error ? error.message : ""}`);
    }
  }

  #hostOf(key: string): ShardHost {
    let hash = 7;
    for (let index = 0; index < key.length; index++)
      hash = (hash * 31 + key.charCodeAt(index)) % 65_521;
    const host = this.hosts[hash % this.#shards];
    if (!host) throw new Error("there is no such shard");
    return host;
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
          for (const report of reports) this.note(`settle ${report.key} ${report.outcome}`);
          instance.settle(reports);
        }),
      bury: (shard, burials) => call(shard, (instance) => instance.bury(burials)),
    };
    if (kind === "dead-letters") return consumeDeadLetters(messages, ledger);
    const sql = sqlStoreOn(this.database, (work) =>
      whileAlive(run, () => this.#withDatabase(work)),
    );
    const open = { stream: batchMetrics, sql, sink: null };
    return consumeTickets(messages, { ledger, stream: () => open });
  }

  async #withDatabase<Result>(work: () => Result): Promise<Result> {
    const { scheduler, random, faults } = this;
    await scheduler.delay(random.between(1, 40));
    if (scheduler.now() < this.#databaseAwayUntil)
      throw new Error("D1_ERROR: D1 DB is overloaded.");
    if (random.chance(faults.databaseFails)) throw new Error("D1_ERROR: Network connection lost.");
    if (random.chance(faults.databaseOdd)) throw new Error("D1_ERROR: something odd");
    const result = work();
    await scheduler.delay(random.between(1, 40));
    if (random.chance(faults.databaseFailsAfter))
      throw new Error("D1_ERROR: Network connection lost.");
    return result;
  }

  /** What operators, deploys, retention and time do, now and then. */
  #mischief(): void {
    const { scheduler, random, faults } = this;
    scheduler.after(random.between(1, 200), () => {
      if (!this.#running) return;
      this.#mischief();
      for (const host of this.hosts) if (random.chance(faults.evicted)) host.evict();
      if (random.chance(faults.deployed)) this.#deploy();
      if (random.chance(faults.databaseAway)) {
        this.#databaseAwayUntil = scheduler.now() + random.between(100, 600_000);
      }
      if (random.chance(faults.replayed)) {
        for (const host of this.hosts)
          host.call((shard) => shard.replayAll({}, 100)).catch(() => {});
      }
      if (random.chance(faults.dropped)) this.#drop();
      if (random.chance(faults.retained)) void this.#retain();
      if (random.chance(faults.timeJumps)) {
        // Past the redelivery, or past what the ledger remembers.
        scheduler.skip(random.chance(0.8) ? random.between(0, 2_000_000) : 31 * 86_400_000);
      }
    });
  }

  #deploy(): void {
    this.#shards = this.random.between(1, MAX_SHARDS);
    this.note(`deployed with ${this.#shards} shards`);
    for (const host of this.hosts) host.evict();
  }

  #drop(): void {
    const number = this.random.below(this.#numbers);
    const key = keyOf(contentOf(number, 0));
    const drop = (shard: LedgerShard) => {
      if (shard.ledger.drop(key)) this.note(`dropped ${key}`);
    };
    this.#hostOf(key)
      .call(drop)
      .catch(() => {});
  }

  async #retain(): Promise<void> {
    const sql = sqlStoreOn(this.database, (work) => this.#withDatabase(work));
    await deleteExpired(sql, batchMetrics, "2021-01-01T00:00:00Z").catch(() => {});
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
