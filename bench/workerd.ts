import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions as optionsOf } from "wrangler";
import type { Running } from "./contestant.ts";
import { processTree } from "./process-cost.ts";
import { writtenIn } from "./written.ts";

/** The service itself. */
export const SERVICE = "src/index.ts";

const TOKEN = "bench-token";
/** The Worker's name in its runtime. */
const NAME = "bench";

const bundles = new Map<string, string>();

/** Bundles a Worker as a deploy would. */
function bundle(entry: string): string {
  const known = bundles.get(entry);
  if (known) return known;
  const directory = mkdtempSync(join(tmpdir(), "millrace-bundle-"));
  const args = ["deploy", entry, "--dry-run", "--outdir", directory];
  const { status, stderr } = spawnSync("wrangler", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${entry} could not be bundled: ${stderr}`);
  const [script] = globSync(`${directory}/*.js`);
  if (!script) throw new Error(`${entry} made no script`);
  const text = readFileSync(script, "utf8");
  rmSync(directory, { recursive: true });
  bundles.set(entry, text);
  return text;
}

/** How a Worker is run. */
export interface WorkerdOptions {
  /** Override those of `wrangler.toml`. */
  variables?: Record<string, string>;
  /** How many databases are bound: `DB`, `DB_1` and so on. */
  databases?: number;
  /** Indexes that the tables have besides those of `migrations/`. */
  indexes?: readonly string[];
  /** The folder of its state, which is kept; absent: a new one, which is not. */
  state?: string;
}

/**
 * A Worker in workerd with what `wrangler.toml` binds, on a disk of its own, and with the one
 * ledger shard of local development. It is called on a socket of its own: without the proxy of
 * `wrangler dev`, and without the simulator's Worker that passes requests on, which costs more
 * than all of limit-http. Only the rate limit is left out: the load would run into it.
 */
export async function startWorkerd(entry: string, options: WorkerdOptions = {}): Promise<Running> {
  const state = options.state ?? mkdtempSync(join(tmpdir(), "millrace-bench-"));
  const { workerOptions } = optionsOf("wrangler.toml");
  const names = Array.from({ length: options.databases ?? 1 }, (_, number) =>
    number === 0 ? "DB" : `DB_${number}`,
  );
  const before = new Set(processTree(process.pid));
  const miniflare = convertV4MiniflareOptions({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    logRequests: false,
    resourcePersistencePath: state,
    // The log's lines are part of the service's cost; printing them here is not.
    handleStructuredLogs: () => {},
    ...workerOptions,
    name: NAME,
    unsafeDirectSockets: [{ host: "127.0.0.1", port: 0 }],
    modules: [{ type: "ESModule", path: "index.js", contents: bundle(entry) }],
    ratelimits: {},
    d1Databases: Object.fromEntries(names.map((name) => [name, name.toLowerCase()])),
    bindings: Object.assign(
      {},
      workerOptions.bindings,
      { BATCH_METRICS_TOKEN: TOKEN, LEDGER_SHARDS: "1" },
      options.variables,
    ),
  });
  const runtime = new Miniflare(miniflare);
  const url = (await runtime.unsafeGetDirectURL(NAME)).origin;
  for (const name of names) {
    const database = await runtime.getD1Database(name);
    await migrate(database);
    for (const index of options.indexes ?? []) await database.prepare(index).run();
  }
  const pids = processTree(process.pid).filter((pid) => !before.has(pid));
  const files = databaseFiles(state).map((file) => new DatabaseSync(file, { readOnly: true }));
  return {
    url,
    token: TOKEN,
    pids: () => pids,
    simulatorCpu_ms,
    ...(entry.endsWith("limit-http.ts") ? {} : { written: writtenIn(files) }),
    async stop() {
      for (const file of files) file.close();
      await runtime.dispose();
      if (!options.state) rmSync(state, { recursive: true, force: true });
    },
  };
}

/** Miniflare answers workerd from this process, which does little else during a load. */
function simulatorCpu_ms(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The statements of `migrations/`, in order. */
export function migrations(): string[] {
  const files = globSync("migrations/**/*.sql").toSorted();
  return files.flatMap((file) =>
    readFileSync(file, "utf8")
      .replaceAll(/--.*$/gm, "")
      .split(";")
      .map((text) => text.trim())
      .filter((text) => text !== ""),
  );
}

async function migrate(database: D1Database): Promise<void> {
  const table = "SELECT 1 FROM sqlite_master WHERE name = 'batch_runs'";
  if (await database.prepare(table).first()) return;
  for (const text of migrations()) await database.prepare(text).run();
}

/** The files of the local D1's databases. */
export function databaseFiles(state: string): string[] {
  return filesWith(state, "batch_runs");
}

/** The files of the ledger's shards. */
export function ledgerFiles(state: string): string[] {
  return filesWith(state, "batches");
}

function filesWith(state: string, table: string): string[] {
  return globSync(`${state}/**/*.sqlite`).filter((path) => {
    const database = new DatabaseSync(path, { readOnly: true });
    const text = "SELECT 1 FROM sqlite_master WHERE name = ?";
    const found = database.prepare(text).get(table) !== undefined;
    database.close();
    return found;
  });
}
