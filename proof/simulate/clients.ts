import type { Admission, Receipt } from "../../src/durable/ledger.ts";
import { keyOf } from "../../src/queue/ticket.ts";
import { contentOf } from "./content.ts";
import type { ShardHost } from "./shard-host.ts";
import type { World } from "./world.ts";

const CLIENTS = 3;
/** Different batches in use at a time: few, so that they meet. */
const WINDOW = 40;
/** Posts after which the oldest of them goes out of use. */
const POSTS_A_NUMBER = 12;

/** CI jobs that post, repeat, contradict each other, and note what they were promised. */
export class Clients {
  readonly #world: World;
  #posts = 0;
  /** Everything that was ever posted, by its digest. */
  readonly posted = new Map<string, Admission>();
  /** Batches that were promised to a client: a 2xx was sent. */
  readonly promised = new Map<string, Admission>();
  /** How often each batch was answered as accepted by each shard: `number key digest`. */
  readonly accepted = new Map<string, number>();
  /** Answers that were not true when they were given. */
  readonly untrue: string[] = [];

  constructor(world: World) {
    this.#world = world;
    for (let client = 0; client < CLIENTS; client++) this.#work();
  }

  /** A client posts, waits for the answer or gives up, and goes on. */
  #work(): void {
    const { scheduler, random, pace } = this.#world;
    scheduler.after(random.between(1, 400) * pace, () => {
      if (!this.#world.running) return;
      this.#work();
      if (this.#world.draining) return;
      const oldest = Math.floor(this.#posts++ / POSTS_A_NUMBER);
      const variant = random.chance(0.15) ? 1 : 0;
      const admission = contentOf(oldest + random.below(WINDOW), variant);
      const copies = random.chance(0.1) ? random.between(2, 5) : 1;
      for (let copy = 0; copy < copies; copy++) void this.#post(admission);
    });
  }

  /** A client posts again what was posted before, if it was. */
  postAgain(digest: string): void {
    const admission = this.posted.get(digest);
    if (admission && this.#world.running) void this.#post(admission);
  }

  #post(admission: Admission): Promise<void> {
    return this.#world.task(() => this.#postOnce(admission));
  }

  async #postOnce(admission: Admission): Promise<void> {
    const world = this.#world;
    const wait = world.random.chance(0.5) ? 0 : world.random.between(1, 10_000);
    const key = keyOf(admission);
    const name = `${key} ${admission.digest.slice(0, 6)}`;
    this.posted.set(admission.digest, admission);
    const host = world.hostOf(key);
    const database = world.databaseOf(key);
    if (world.mischief.mayComeFor(key, database)) return;
    const postedAt = world.scheduler.now();
    try {
      const receipt = await host.call((shard) => {
        world.note(`post ${name} to shard ${host.number}`);
        return shard.accept({ ...admission, database }, wait);
      });
      const answer = "state" in receipt ? `${receipt.outcome} ${receipt.state}` : receipt.outcome;
      world.note(`answer ${name} ${answer}`);
      world.count(answer);
      const untruth = this.#untruthOf(receipt, admission, host, postedAt);
      if (untruth) this.untrue.push(`untrue: ${name} was answered ${receipt.outcome}: ${untruth}`);
      if (receipt.outcome === "accepted" || receipt.outcome === "duplicate") {
        this.promised.set(admission.digest, admission);
      }
      if (receipt.outcome === "accepted") {
        const place = `${host.number} ${key} ${admission.digest}`;
        this.accepted.set(place, (this.accepted.get(place) ?? 0) + 1);
      }
    } catch (error) {
      world.count("no answer");
      world.note(`no answer ${name} ${error instanceof Error ? error.message : ""}`);
    }
  }

  /** What is false in an answer, by what the databases have ever had; undefined where it is true. */
  #untruthOf(
    receipt: Receipt,
    admission: Admission,
    host: ShardHost,
    postedAt: number,
  ): string | undefined {
    const { digest, batch_id } = admission;
    const world = this.#world;
    const inserted = world.databases.all(
      "SELECT id, digest FROM inserted WHERE batch_id = ? ORDER BY id",
      [batch_id],
    );
    const accepted = world.hosts.flatMap(({ database }) =>
      database.all("SELECT digest FROM accepted WHERE key = ?", [keyOf(admission)]),
    );
    if (receipt.outcome === "overloaded") {
      if (host.fullAt < postedAt) return "its shard was not full";
      const text = "SELECT 1 FROM batches WHERE key = ? AND accepted_at < ?";
      const known = host.database.all(text, [keyOf(admission), postedAt]).length > 0;
      return known ? "its shard knew it" : undefined;
    }
    if (receipt.outcome === "conflict") {
      const other = [...inserted, ...accepted].some((row) => row["digest"] !== digest);
      return other ? undefined : "there was never other content";
    }
    if (receipt.row_count !== admission.row_count) {
      return `it has ${admission.row_count} rows, not ${receipt.row_count}`;
    }
    const here = "SELECT 1 FROM batches WHERE key = ?1 AND ?2 IN (digest, written_digest)";
    const gone = `SELECT 1 FROM gone WHERE key = ?1 AND ?2 IN (digest, written_digest) AND gone_at >= ?3`;
    const key = keyOf(admission);
    const kept =
      host.database.all(here, [key, digest]).length > 0 ||
      host.database.all(gone, [key, digest, postedAt]).length > 0;
    if (!kept) return "its shard did not have it then";
    if (receipt.state === "written") {
      const { batch_run_id } = receipt;
      return inserted.some((row) => row["digest"] === digest && row["id"] === batch_run_id)
        ? undefined
        : `run ${String(batch_run_id)} was never written with its content`;
    }
    return undefined;
  }
}
