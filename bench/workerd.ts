import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { unstable_getMiniflareWorkerOptions as optionsOf } from "wrangler";
import type { Running } from "./contestant.ts";
import { processTree } from "./process-cost.ts";

const TOKEN = "bench-token";

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
  bundles.set(entry, text);
  return text;
}

/**
 * A Worker in workerd with what `wrangler.toml` binds, on a disk of its own, without the proxy
 * of `wrangler dev`. Only the rate limit is left out: the load would run into it.
 * @param variables override those of `wrangler.toml`.
 */
export async function startWorkerd(
  entry: string,
  variables: Record<string, string> = {},
): Promise<Running> {
  const state = mkdtempSync(join(tmpdir(), "millrace-bench-"));
  const { workerOptions } = optionsOf("wrangler.toml");
  const before = new Set(processTree(process.pid));
  const options = convertV4MiniflareOptions({
    host: "127.0.0.1",
    port: 0,
    cf: false,
    resourcePersistencePath: state,
    // The log's lines are part of the service's cost; printing them here is not.
    handleStructuredLogs: () => {},
    ...workerOptions,
    name: "bench",
    modules: [{ type: "ESModule", path: "index.js", contents: bundle(entry) }],
    ratelimits: {},
    bindings: Object.assign({}, workerOptions.bindings, { BATCH_METRICS_TOKEN: TOKEN }, variables),
  });
  const runtime = new Miniflare(options);
  const url = (await runtime.ready).origin;
  await migrate(runtime);
  const pids = processTree(process.pid).filter((pid) => !before.has(pid));
  const file = databaseFile(state);
  const database = new DatabaseSync(file, { readOnly: true });
  const count = database.prepare("SELECT count(*) AS number FROM batch_runs");
  return {
    url,
    token: TOKEN,
    pids: () => pids,
    ...(entry.endsWith("limit-http.ts")
      ? {}
      : { written: async () => Number(count.get()?.["number"]) }),
    async stop() {
      database.close();
      await runtime.dispose();
      rmSync(state, { recursive: true, force: true });
    },
  };
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

async function migrate(runtime: Miniflare): Promise<void> {
  const database = await runtime.getD1Database("DB");
  for (const text of migrations()) await database.prepare(text).run();
}

function databaseFile(state: string): string {
  for (const path of globSync(`${state}/**/*.sqlite`)) {
    const database = new DatabaseSync(path, { readOnly: true });
    const table = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'batch_runs'").get();
    database.close();
    if (table) return path;
  }
  throw new Error("the local D1 has no file with batch_runs");
}
