import { Totals } from "../../src/durable/totals.ts";
import { realClock } from "../../src/durable/clock.ts";
import { keyOf } from "../../src/queue/ticket.ts";
import { isRefused } from "./content.ts";
import { RETENTION_MS, type ShardHost } from "./shard-host.ts";
import { RETAINED_SINCE, type World } from "./world.ts";

/** What is not as it was promised. Empty where the system kept its word. */
export function violations(world: World): string[] {
  const { clients, unjust } = world;
  return [
    ...clients.untrue,
    ...unjust,
    ...promises(world),
    ...unaccepted(world),
    ...runs(world),
    ...totals(world),
  ];
}

/**
 * What is dead though nothing is wrong with it: after the faults are healed and everything was
 * replayed, only what D1 refuses may be, and what it had with other content under the same
 * `batch_id`, even if retention has deleted that since.
 */
export function stillDead(world: World): string[] {
  const other = "SELECT 1 FROM inserted WHERE batch_id = ? AND digest <> ? LIMIT 1";
  return inLedger(world, "SELECT digest FROM batches WHERE state = 'dead'").flatMap((digest) => {
    const content = world.clients.posted.get(digest);
    if (!content) return [`invented: ${digest} was never posted`];
    return isRefused(content) || world.databases.all(other, [content.batch_id, digest]).length > 0
      ? []
      : [`dead: ${keyOf(content)} ${digest.slice(0, 6)} is dead after all was replayed`];
  });
}

/** Every promised batch is written, or dead with its body, or gone because somebody removed it. */
function promises(world: World): string[] {
  const written = new Set(digests(world, "inserted"));
  const dropped = new Set(inLedger(world, "SELECT digest FROM gone WHERE state = 'dead'"));
  return [...world.clients.promised.values()].flatMap((admission) => {
    const { digest } = admission;
    if (written.has(digest) || dropped.has(digest)) return [];
    if (world.hosts.some((host) => isDeadIn(host, keyOf(admission), digest))) return [];
    return [
      `lost: ${keyOf(admission)} ${digest.slice(0, 6)} was promised, and is neither written nor dead`,
    ];
  });
}

/** No shard has told more clients that a batch is accepted than it has accepted it. */
function unaccepted({ clients, hosts }: World): string[] {
  return [...clients.accepted].flatMap(([place, told]) => {
    const [number = "", key = "", digest = ""] = place.split(" ");
    const text = "SELECT 1 FROM accepted WHERE key = ? AND digest = ?";
    const taken = hosts[Number(number)]?.database.all(text, [key, digest]).length ?? 0;
    return told <= taken
      ? []
      : [`lost: ${key} was answered accepted ${told} times, and taken ${taken} times by ${number}`];
  });
}

function isDeadIn({ database }: ShardHost, key: string, digest: string): boolean {
  const text = "SELECT 1 FROM batches WHERE key = ? AND digest = ? AND state = 'dead'";
  return database.all(text, [key, digest]).length > 0;
}

function inLedger(world: World, text: string): string[] {
  const rows = world.hosts.flatMap(({ database }) => database.all(text));
  return rows.map((row) => String(Object.values(row)[0]));
}

function digests(world: World, table: string): string[] {
  return world.databases.all(`SELECT digest FROM ${table}`).map(({ digest }) => String(digest));
}

/** Every run is one that was posted, with exactly its rows, in order, and was written once. */
function runs(world: World): string[] {
  const found: string[] = [];
  const stored = world.databases.all("SELECT id, batch_id, digest FROM batch_runs");
  for (const run of stored) {
    const content = world.clients.posted.get(String(run["digest"]));
    const name = `${String(run["batch_id"])} ${String(run["digest"]).slice(0, 6)}`;
    if (!content || content.batch_id !== run["batch_id"]) {
      found.push(`invented: run ${name} was never posted`);
      continue;
    }
    const text =
      "SELECT recipe_name, ecosystem, platform, result FROM recipe_results WHERE batch_run_id = ? ORDER BY id";
    const rows = world.databases.all(text, [run["id"] ?? null]).map((row) => Object.values(row));
    const sent = `[${content.body.parts.map((part) => part.slice(1, -1)).join(",")}]`;
    if (JSON.stringify(rows) !== sent)
      found.push(`torn: run ${name} has ${rows.length} rows that differ`);
    if (isRefused(content)) found.push(`poison: run ${name} was refused and is there`);
  }
  const ids = stored.map(({ id }) => id);
  if (new Set(ids).size < ids.length) found.push("ids: two runs have the same id");
  const orphans = world.databases.all(
    "SELECT id FROM recipe_results WHERE batch_run_id NOT IN (SELECT id FROM batch_runs)",
  );
  if (orphans.length > 0) found.push(`orphans: ${orphans.length} rows without a run`);
  const old = world.databases.all("SELECT 1 FROM batch_runs WHERE started_at < ?", [
    RETAINED_SINCE,
  ]);
  if (old.length > 0) found.push(`retention: ${old.length} runs are there that it had to delete`);
  return [...found, ...overwritten(world)];
}

/** A batch_id has other content than before only where its run was deleted in between. */
function overwritten(world: World): string[] {
  const count = (table: string) => {
    const rows = world.databases.all(
      `SELECT batch_id, count(*) AS n FROM ${table} GROUP BY batch_id`,
    );
    const sums = new Map<string, number>();
    for (const { batch_id, n } of rows) {
      sums.set(String(batch_id), (sums.get(String(batch_id)) ?? 0) + Number(n));
    }
    return sums;
  };
  const deleted = count("deleted");
  const present = count("batch_runs");
  const twice = [...present].filter(([, n]) => n > 1);
  return [
    ...twice.map(([batch_id]) => `twice: ${batch_id} is in several databases`),
    ...[...count("inserted")].flatMap(([batch_id, n]) =>
      n === (deleted.get(batch_id) ?? 0) + (present.get(batch_id) ?? 0)
        ? []
        : [`overwritten: ${batch_id} was inserted ${n} times`],
    ),
  ];
}

/**
 * Batch by batch, and shard by shard: accepted = written + dead + pending + dropped + forgotten.
 * In the end nothing is pending, what is written here is written in D1, what is dead has its
 * body, and no part of a body is left behind.
 */
function totals(world: World): string[] {
  const dropped = inLedger(world, "SELECT key FROM gone WHERE state = 'dead'").length;
  return [
    ...world.hosts.flatMap((host) => [
      ...imbalances(host),
      ...entries(world, host),
      ...ownAccount(host),
    ]),
    ...(dropped === world.mischief.dropped
      ? []
      : [`totals: ${dropped} dead batches are gone, and ${world.mischief.dropped} were dropped`]),
  ];
}

const IMBALANCE = `
  SELECT key, digest, sum(entry) AS balance FROM (
    SELECT key, digest, 1 AS entry FROM accepted
    UNION ALL SELECT key, digest, -1 FROM batches
    UNION ALL SELECT key, digest, -1 FROM gone)
  GROUP BY key, digest HAVING balance <> 0`;

const FORGOTTEN_WRONGLY = `
  SELECT key, state FROM gone WHERE state = 'pending' OR (state = 'written' AND settled_for_ms <= ? AND NOT crowded)`;

const LITTER =
  "SELECT DISTINCT key FROM body_parts WHERE key NOT IN (SELECT key FROM batches WHERE state <> 'written')";

function imbalances({ database, number }: ShardHost): string[] {
  return [
    ...database
      .all(IMBALANCE)
      .map(
        ({ key, balance }) => `totals: ${String(key)} is off by ${String(balance)} in ${number}`,
      ),
    ...database
      .all(FORGOTTEN_WRONGLY, [RETENTION_MS])
      .map(({ key, state }) => `forgotten: ${String(key)} was ${String(state)} in ${number}`),
    ...database
      .all(LITTER)
      .map(({ key }) => `litter: a part of ${String(key)} is left behind in ${number}`),
  ];
}

const WITNESSED = `
  SELECT (SELECT count(*) FROM accepted) AS accepted,
    (SELECT count(*) FROM batches WHERE state = 'written') AS written,
    (SELECT count(*) FROM batches WHERE state = 'dead') AS dead,
    (SELECT count(*) FROM batches WHERE state = 'pending') AS pending,
    (SELECT count(*) FROM gone WHERE state = 'dead') AS dropped,
    (SELECT count(*) FROM gone WHERE state = 'written') AS forgotten`;

/** What a shard answers of itself is what was witnessed. */
function ownAccount({ database, sql, number }: ShardHost): string[] {
  const { accepted, written, dead, pending, dropped, forgotten } = new Totals(sql, realClock).of(
    "batch-metrics",
  );
  const told = JSON.stringify({ accepted, written, dead, pending, dropped, forgotten });
  const witnessed = JSON.stringify(database.all(WITNESSED)[0]);
  return told === witnessed ? [] : [`totals: ${number} says ${told}, and it was ${witnessed}`];
}

const ENTRIES = `
  SELECT key, digest, state, batch_run_id, accepted_at, run, part FROM batches
  UNION ALL SELECT key, digest, state, batch_run_id, accepted_at, NULL, NULL FROM gone
    WHERE state = 'written'`;

/** What a shard says of each batch is so. */
function entries(world: World, { database, number }: ShardHost): string[] {
  const untilWhen = new Map(
    world.databases
      .all("SELECT inserted.id, digest, deleted_at FROM inserted LEFT JOIN deleted USING (id)")
      .map(({ id, digest, deleted_at }) => [
        `${String(id)} ${String(digest)}`,
        deleted_at === null ? Infinity : Number(deleted_at),
      ]),
  );
  return database.all(ENTRIES).flatMap(({ key, digest, state, run, part, ...entry }) => {
    const name = `${String(key)} ${String(digest).slice(0, 6)} in ${number}`;
    if (state === "pending") return [`stuck: ${name} is pending for ever`];
    if (state === "written") {
      const until = untilWhen.get(`${String(entry["batch_run_id"])} ${String(digest)}`) ?? 0;
      return until >= Number(entry["accepted_at"])
        ? []
        : [
            `untrue: ${name} is written says the ledger, and D1 has not had it since it was accepted`,
          ];
    }
    const more = database.all("SELECT part FROM body_parts WHERE key = ? ORDER BY number", [
      String(key),
    ]);
    const parts = [part, ...more.map((row) => row["part"])];
    const body = world.clients.posted.get(String(digest))?.body;
    return run === body?.run && JSON.stringify(parts) === JSON.stringify(body?.parts)
      ? []
      : [`lost: ${name} is dead without its body`];
  });
}
