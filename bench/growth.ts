import { spawnSync } from "node:child_process";
import { constants, cpSync, mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fillDatabase, fillLedger } from "./fill.ts";
import { load } from "./load.ts";
import { WARM_SECONDS } from "./measure.ts";
import type { Run } from "./page.ts";
import { costOf } from "./process-cost.ts";
import { BAR } from "./settings.ts";
import { databaseFiles, ledgerFiles, SERVICE, startWorkerd } from "./workerd.ts";

const DATABASE_SIZES = [0, 1_000_000, 3_000_000, 10_000_000];
const LEDGER_SIZES = [100_000, 300_000, 1_000_000];

/** A state of so much, and what it was measured with, round by round. */
export interface Size {
  what: "results in D1" | "batches in the ledger";
  size: number;
  /** The folder with its files, of which each measurement gets a copy. */
  state: string;
  /** Of the file that was filled. */
  bytes: number;
  throughput: number[];
  p50_ms: number[];
  cpu_ms: number[];
  /** Batches that were added before the measurement ended, to warm up and to measure. */
  added: number[];
}

/** The cost of a batch in databases that hold more and more, and with a ledger that remembers more and more. */
export async function measureGrowth(run: Run): Promise<Size[]> {
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
        await measureSize(root, size, run.seconds);
        console.log(
          `round ${round}: ${size.size} ${size.what}: ${size.throughput.at(-1)?.toFixed(0)}/s,`,
          `p50 ${size.p50_ms.at(-1)?.toFixed(1)} ms, CPU ${size.cpu_ms.at(-1)?.toFixed(2)} ms`,
        );
      }
    }
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
  return sizes;
}

/** A state with so much in it: the service's own tables, filled from outside. */
async function prepared(root: string, what: Size["what"], size: number): Promise<Size> {
  const state = mkdtempSync(join(root, "state-"));
  // Its alarm must not ring within a measurement: a ledger that is over its size would forget then.
  const variables = { REDELIVER_AFTER_SECONDS: "86400" };
  const running = await startWorkerd(SERVICE, { state, variables });
  // The ledger's tables are made by its first batch.
  const { url, token } = running;
  await load({ url, token, results: BAR.results, status: 201, connections: 1, seconds: 1 });
  await running.stop();
  const started = performance.now();
  const [file = ""] = what === "results in D1" ? databaseFiles(state) : ledgerFiles(state);
  if (what === "results in D1") fillDatabase(file, size / BAR.results);
  else await fillLedger(file, size);
  const { size: bytes } = statSync(file);
  const took = ((performance.now() - started) / 1000).toFixed(0);
  console.log(`${size} ${what}, made in ${took} s: ${(bytes / 1e6).toFixed(0)} MB`);
  return { what, size, state, bytes, throughput: [], p50_ms: [], cpu_ms: [], added: [] };
}

/** Measures on a copy, so that what one measurement adds is not in the next one's tables. */
async function measureSize(root: string, size: Size, seconds: number): Promise<void> {
  const state = mkdtempSync(join(root, "copy-"));
  cpSync(size.state, state, { recursive: true, mode: constants.COPYFILE_FICLONE });
  // What is still to be written of the copy would slow the commits that are measured.
  spawnSync("sync");
  try {
    const running = await startWorkerd(SERVICE, { state });
    const { url, token } = running;
    const settings = { url, token, status: 201 as const, ...BAR };
    const warm = await load({ ...settings, seconds: WARM_SECONDS });
    const before = costOf(running.pids());
    const { perSecond, p50_ms, succeeded } = await load({ ...settings, seconds });
    const after = costOf(running.pids());
    await running.stop();
    size.throughput.push(perSecond);
    size.p50_ms.push(p50_ms);
    size.cpu_ms.push((after.cpu_ms - before.cpu_ms) / succeeded);
    size.added.push(warm.succeeded + succeeded);
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}
