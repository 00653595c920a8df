import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { chart } from "./chart.ts";
import { load } from "./load.ts";
import { WARM_SECONDS } from "./measure.ts";
import { machine, ranged, type Run, table } from "./page.ts";
import { costOf } from "./process-cost.ts";
import { median, ratios } from "./statistics.ts";
import { databaseFiles, ledgerFiles, SERVICE, startWorkerd } from "./workerd.ts";

const RESULTS = 100;
const DATABASE_SIZES = [0, 1_000_000, 3_000_000, 10_000_000];
const LEDGER_SIZES = [100_000, 300_000, 1_000_000];

interface Size {
  what: "results in D1" | "batches in the ledger";
  size: number;
  state: string;
  throughput: number[];
  p50_ms: number[];
  cpu_ms: number[];
}

/** The cost of a batch in databases that hold more and more, and with a ledger that remembers more and more. */
export async function measureGrowth(run: Run, out: string): Promise<void> {
  const sizes: Size[] = [];
  const root = mkdtempSync(join(tmpdir(), "millrace-growth-"));
  try {
    for (const size of DATABASE_SIZES) sizes.push(await prepared(root, "results in D1", size));
    for (const size of LEDGER_SIZES) {
      sizes.push(await prepared(root, "batches in the ledger", size));
    }
    for (let round = 1; round <= run.rounds; round++) {
      // There and back, so that with an even number of rounds no size always comes first.
      for (const size of round % 2 === 1 ? sizes : sizes.toReversed()) {
        await shoot(size, run.seconds);
        console.log(
          `round ${round}: ${size.size} ${size.what}: ${size.throughput.at(-1)?.toFixed(0)}/s,`,
          `p50 ${size.p50_ms.at(-1)?.toFixed(1)} ms, CPU ${size.cpu_ms.at(-1)?.toFixed(2)} ms`,
        );
      }
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  writeFileSync(out, page(sizes, run));
  writeFileSync(out.replace(/\.md$/, ".svg"), await plot(sizes));
  console.log(`wrote ${out}`);
}

/** A state with so much in it, made as the service makes it: its own tables, filled from outside. */
async function prepared(root: string, what: Size["what"], size: number): Promise<Size> {
  const state = mkdtempSync(join(root, "state-"));
  const running = await startWorkerd(SERVICE, { state });
  // The ledger's tables are made by its first batch.
  const { url, token } = running;
  await load({ url, token, results: RESULTS, status: 201, connections: 1, seconds: 1 });
  await running.stop();
  const started = performance.now();
  if (what === "results in D1") fillDatabase(databaseFiles(state)[0] ?? "", size / RESULTS);
  else fillLedger(ledgerFiles(state)[0] ?? "", size);
  console.log(`${size} ${what}, made in ${((performance.now() - started) / 1000).toFixed(0)} s`);
  return { what, size, state, throughput: [], p50_ms: [], cpu_ms: [] };
}

/** Runs that started a second apart, each with its results. */
function fillDatabase(path: string, runs: number): void {
  const database = opened(path);
  database.exec(`
    WITH RECURSIVE number (n) AS (SELECT 1 WHERE ${runs} > 0 UNION ALL SELECT n + 1 FROM number WHERE n < ${runs})
    INSERT INTO batch_runs (batch_id, ecosystem, started_at, total_recipes, passed, failed, skipped,
      digest, write_id, accepted_at, row_count)
    SELECT 'old-' || n, 'homebrew', strftime('%Y-%m-%dT%H:%M:%fZ', 1770000000 + n, 'unixepoch'),
      ${RESULTS}, 80, 20, 0, lower(hex(randomblob(32))), lower(hex(randomblob(16))),
      '2026-02-01T00:00:00.000Z', ${RESULTS} FROM number;
    WITH RECURSIVE row (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM row WHERE n < ${RESULTS - 1})
    INSERT INTO recipe_results (batch_run_id, recipe_name, ecosystem, platform, result, error_category,
      error_message, duration_seconds)
    SELECT run.id, 'recipe-number-' || n, 'homebrew', 'linux-x64', iif(n % 5, 'passed', 'failed'),
      iif(n % 5, NULL, 'build'),
      iif(n % 5, NULL, 'the build step ' || n || ' ended with exit code 1 after its second attempt'),
      1.5 + n
    FROM batch_runs AS run CROSS JOIN row WHERE run.batch_id LIKE 'old-%'`);
  closed(database);
}

/** Written batches, as the ledger remembers them for its retention. */
function fillLedger(path: string, batches: number): void {
  const database = opened(path);
  const now = Date.now();
  database.exec(`
    WITH RECURSIVE number (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ${batches})
    INSERT INTO batches (key, state, digest, row_count, bytes, accepted_at, dated_at, settled_at, batch_run_id)
    SELECT 'batch-metrics/' || lower(hex(randomblob(8))) || '-' || n, 'written',
      lower(hex(randomblob(32))), ${RESULTS}, 16000, ${now}, ${now}, ${now}, n FROM number`);
  closed(database);
}

function opened(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { enableForeignKeyConstraints: false });
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; BEGIN");
  return database;
}

function closed(database: DatabaseSync): void {
  database.exec("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
  database.close();
}

async function shoot(size: Size, seconds: number): Promise<void> {
  const running = await startWorkerd(SERVICE, { state: size.state });
  const { url, token } = running;
  const settings = { url, token, results: RESULTS, status: 201 as const, connections: 16 };
  await load({ ...settings, seconds: WARM_SECONDS });
  const before = costOf(running.pids());
  const { perSecond, p50_ms, succeeded } = await load({ ...settings, seconds });
  const after = costOf(running.pids());
  await running.stop();
  size.throughput.push(perSecond);
  size.p50_ms.push(p50_ms);
  size.cpu_ms.push((after.cpu_ms - before.cpu_ms) / succeeded);
}

function page(sizes: readonly Size[], run: Run): string {
  const [empty] = sizes;
  const rows = sizes.map(({ what, size, throughput, p50_ms, cpu_ms }) => [
    `${size.toLocaleString("en")} ${what}`,
    median(throughput).toFixed(0),
    median(p50_ms).toFixed(1),
    median(cpu_ms).toFixed(2),
    ranged(ratios(cpu_ms, empty?.cpu_ms ?? []), 2),
  ]);
  const heads = ["", "committed batches/s", "p50 ms", "CPU ms/batch", "CPU ÷ empty"];
  return `# Growth

Written by \`${run.command}\`: ${run.rounds} rounds of ${run.seconds} s a size, the sizes interleaved in each
round, there and back, 100 results a batch, 16 connections. Medians; the last column is of each round's
own ratio, with the least and the greatest in brackets. What is in the tables beforehand is put there from outside the
service, in the service's own schema; each shot adds to it.

${machine()}

![The cost of a batch](benchmarks-growth.svg)

${table(heads, rows)}
`;
}

function plot(sizes: readonly Size[]): Promise<string> {
  const values = (["results in D1", "batches in the ledger"] as const).flatMap((what) => {
    const own = sizes.filter((size) => size.what === what || size.size === 0);
    const most = Math.max(...own.map(({ size }) => size));
    const line = `${what}, up to ${most.toLocaleString("en")}`;
    return own.map(({ size, cpu_ms }) => ({ line, share: size / most, value: median(cpu_ms) }));
  });
  return chart({
    data: { values },
    width: 480,
    height: 240,
    mark: { type: "line", point: true },
    encoding: {
      x: { field: "share", type: "quantitative", title: "share of the largest size" },
      y: { field: "value", type: "quantitative", title: "CPU of a committed batch, ms" },
      color: { field: "line", type: "nominal", title: null, legend: { labelLimit: 400 } },
    },
  });
}
