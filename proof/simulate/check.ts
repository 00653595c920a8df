import { keyOf } from "../../src/queue/ticket.ts";
import { contentOf, POISON } from "./content.ts";
import type { World } from "./world.ts";

/** What is not as it was promised. Empty where the system kept its word. */
export function violations(world: World, numbers: number): string[] {
  return [...promises(world), ...runs(world, numbers), ...books(world)];
}

/** Every promised batch is written, or dead with its body, or gone because somebody removed it. */
function promises(world: World): string[] {
  const found: string[] = [];
  const deleted = new Set(digests(world, "deleted"));
  const written = new Set(digests(world, "batch_runs"));
  const dropped = new Set(inLedger(world, "SELECT digest FROM gone WHERE state = 'dead'"));
  for (const admission of world.promised.values()) {
    const { digest } = admission;
    const key = keyOf(admission);
    if (written.has(digest) || deleted.has(digest) || dropped.has(digest)) continue;
    const dead = world.hosts.some(({ database }) => {
      const [row] = database.all(
        "SELECT state, run, part FROM batches WHERE key = ? AND digest = ?",
        [key, digest],
      );
      if (row?.["state"] !== "dead") return false;
      const more = database.all("SELECT part FROM body_parts WHERE key = ? ORDER BY number", [key]);
      const parts = [row["part"], ...more.map(({ part }) => part)];
      const { body } = admission;
      return row["run"] === body.run && JSON.stringify(parts) === JSON.stringify(body.parts);
    });
    if (!dead)
      found.push(
        `lost: ${key} ${digest.slice(0, 6)} was promised, and is neither written nor dead`,
      );
  }
  return found;
}

function inLedger(world: World, text: string): string[] {
  const rows = world.hosts.flatMap(({ database }) => database.all(text));
  return rows.map((row) => String(Object.values(row)[0]));
}

function digests(world: World, table: string): string[] {
  return world.database.all(`SELECT digest FROM ${table}`).map(({ digest }) => String(digest));
}

/** Every run is one that was posted, with exactly its rows, in order, and was written once. */
function runs(world: World, numbers: number): string[] {
  const found: string[] = [];
  const contents = Array.from({ length: numbers }, (_, number) => [
    contentOf(number, 0),
    contentOf(number, 1),
  ]).flat();
  const byDigest = new Map(contents.map((content) => [content.digest, content]));
  const stored = world.database.all("SELECT id, batch_id, digest FROM batch_runs");
  for (const run of stored) {
    const content = byDigest.get(String(run["digest"]));
    const name = `${String(run["batch_id"])} ${String(run["digest"]).slice(0, 6)}`;
    if (!content || content.batch_id !== run["batch_id"]) {
      found.push(`invented: run ${name} was never posted`);
      continue;
    }
    const text =
      "SELECT recipe_name, ecosystem, result FROM recipe_results WHERE batch_run_id = ? ORDER BY id";
    const rows = world.database.all(text, [run["id"] ?? null]);
    const sent = `[${content.body.parts.map((part) => part.slice(1, -1)).join(",")}]`;
    if (JSON.stringify(rows) !== sent)
      found.push(`torn: run ${name} has ${rows.length} rows that differ`);
    if (sent.includes(POISON)) found.push(`poison: run ${name} was refused and is there`);
  }
  const orphans = world.database.all(
    "SELECT id FROM recipe_results WHERE batch_run_id NOT IN (SELECT id FROM batch_runs)",
  );
  if (orphans.length > 0) found.push(`orphans: ${orphans.length} rows without a run`);
  return [...found, ...overwritten(world)];
}

/** A batch_id has other content than before only where its run was deleted in between. */
function overwritten(world: World): string[] {
  const count = (table: string) => {
    const rows = world.database.all(
      `SELECT batch_id, count(*) AS n FROM ${table} GROUP BY batch_id`,
    );
    return new Map(rows.map(({ batch_id, n }) => [batch_id, Number(n)]));
  };
  const deleted = count("deleted");
  const present = count("batch_runs");
  return [...count("inserted")].flatMap(([batch_id, n]) =>
    n === (deleted.get(batch_id ?? null) ?? 0) + (present.get(batch_id ?? null) ?? 0)
      ? []
      : [`overwritten: ${String(batch_id)} was inserted ${n} times`],
  );
}

/**
 * accepted = written + dead + pending + dropped + forgotten, and in the end nothing is pending
 * and no part of a body is left behind.
 */
function books(world: World): string[] {
  const stuck = inLedger(world, "SELECT key FROM batches WHERE state = 'pending'");
  const found = stuck.map((key) => `stuck: ${key} is pending for ever`);
  const accepted = inLedger(world, "SELECT key FROM accepted").length;
  const kept = inLedger(world, "SELECT key FROM batches").length;
  const dropped = inLedger(world, "SELECT key FROM gone WHERE state = 'dead'").length;
  const forgotten = inLedger(world, "SELECT key FROM gone WHERE state = 'written'").length;
  if (accepted !== kept + dropped + forgotten) {
    found.push(
      `books: ${accepted} accepted, but ${kept} kept, ${dropped} dropped and ${forgotten} forgotten`,
    );
  }
  const parts = inLedger(
    world,
    "SELECT key FROM body_parts WHERE key NOT IN (SELECT key FROM batches WHERE state <> 'written')",
  );
  return [...found, ...parts.map((key) => `litter: a part of ${key} is left behind`)];
}
