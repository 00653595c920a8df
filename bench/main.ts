/**
 * `npm run bench`: everyone side by side on this machine, into `docs/benchmarks.md`. About an hour.
 * `-- --rounds 3`: so many at each setting, but never fewer than five at the bar's, unless it is `--quick`.
 * `-- --results 1000,10000 --out some.md`: only the settings of so many results per batch.
 * `-- --growth`: the cost of a batch as the databases and the ledger fill. Takes 10 GB of disk meanwhile.
 * `-- --saturation`: what becomes of more load than the service, and others, can take.
 */
import { parseArgs } from "node:util";
import { bill, type Bill } from "./bill.ts";
import type { Contestant } from "./contestant.ts";
import {
  CONTESTANTS,
  DIRECT_WITH_CARE,
  MILLRACE,
  withDatabases,
  withShards,
} from "./contestants.ts";
import { backlogRowsPerSecond } from "./drain.ts";
import { measureGrowth } from "./growth.ts";
import { growthPage, growthPlot } from "./growth-page.ts";
import { sqliteRowsPerSecond } from "./limit-sqlite.ts";
import { measure, type Measurement } from "./measure.ts";
import { type Backlog, type Measured, plot, report } from "./report.ts";
import { writePage } from "./page.ts";
import { measureSaturation } from "./saturation.ts";
import { saturationPage, saturationPlot } from "./saturation-page.ts";
import { BAR, described, OTHERS, type Setting } from "./settings.ts";
import { rotated } from "./statistics.ts";
import { uploadOf } from "./workload.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    growth: { type: "boolean", default: false },
    saturation: { type: "boolean", default: false },
    rounds: { type: "string" },
    seconds: { type: "string" },
    only: { type: "string" },
    results: { type: "string" },
    shards: { type: "string" },
    databases: { type: "string" },
    out: { type: "string" },
  },
});

if (values.results && !values.out)
  throw new Error("--results needs --out: it is not the whole page");

/** The machine's noise is greater than what is to be told apart at this setting. */
const LEAST_BAR_ROUNDS = 5;

const usualRounds = values.quick ? 1 : values.growth || values.saturation ? 4 : 3;
const rounds = Number(values.rounds ?? usualRounds);
const barRounds = values.quick ? rounds : Math.max(LEAST_BAR_ROUNDS, rounds);
const seconds = Number(values.seconds ?? (values.quick ? 2 : 4));
const command = [
  "npm run bench",
  ...(process.argv.length > 2 ? ["--"] : []),
  ...process.argv.slice(2),
].join(" ");
const run = { rounds, seconds, command };

if (values.growth) {
  const sizes = await measureGrowth(run);
  writePage(
    values.out ?? "docs/benchmarks-growth.md",
    growthPage(sizes, run),
    await growthPlot(sizes),
  );
} else if (values.saturation) {
  const points = await measureSaturation(run);
  const out = values.out ?? "docs/benchmarks-saturation.md";
  writePage(out, saturationPage(points, run), await saturationPlot(points));
} else {
  const measured = await compare();
  const { measurements } = measured;
  writePage(values.out ?? "docs/benchmarks.md", report(measured), await plot(measurements));
}

/** Everyone side by side. */
async function compare(): Promise<Measured> {
  const names = values.only?.split(",");
  const contestants = CONTESTANTS.filter(({ name }) => !names || names.includes(name));
  const shards = (values.shards ?? (values.quick ? "" : "16")).split(",").filter(Boolean);
  const databases = (values.databases ?? (values.quick ? "" : "2,4")).split(",").filter(Boolean);
  const sharded = shards.map(withShards);
  const variants = [...sharded, ...databases.map(withDatabases)];
  if (!values.quick) variants.push(DIRECT_WITH_CARE);
  const atBar = [...contestants, ...variants];

  const sizes = values.results?.split(",").map(Number);
  const isAsked = ({ results }: Setting) => sizes?.includes(results) ?? true;
  const onlyBar = values.quick && !sizes;

  const measurements: Measurement[] = [];
  const sqlite: number[] = [];
  const backlogs: Backlog[] = [];
  for (let round = 1; round <= (isAsked(BAR) ? barRounds : 0); round++) {
    sqlite.push(await sqliteRowsPerSecond(uploadOf(BAR.results), seconds));
    console.log(`round ${round}: limit-sqlite ${Math.round(sqlite.at(-1) ?? 0)} rows/s`);
    backlogs.push(...(await drainAll(atBar, round)));
    measurements.push(...(await measureAll(atBar, BAR, round)));
  }
  for (const setting of onlyBar ? [] : OTHERS.filter(isAsked)) {
    for (let round = 1; round <= rounds; round++) {
      measurements.push(...(await measureAll(contestants, setting, round)));
    }
  }
  const bills: Bill[] = [];
  for (const results of onlyBar ? [BAR.results] : [1, BAR.results, 1_000]) {
    if (!isAsked({ ...BAR, results })) continue;
    for (const { name, startMetered } of [MILLRACE, ...(results === BAR.results ? sharded : [])]) {
      if (startMetered) bills.push(await bill(name, startMetered, results));
    }
  }
  return { measurements, sqlite, backlogs, bills, sharded, ...run };
}

/** One backlog of each that has a queue. */
async function drainAll(contestants: readonly Contestant[], round: number): Promise<Backlog[]> {
  const backlogs: Backlog[] = [];
  for (const { name, startHeld } of rotated(contestants, round)) {
    if (!startHeld) continue;
    const rowsPerSecond = await backlogRowsPerSecond(startHeld, seconds);
    backlogs.push({ contestant: name, rowsPerSecond });
    console.log(`round ${round}: ${name}, backlog: ${Math.round(rowsPerSecond)} rows/s`);
  }
  return backlogs;
}

/** One measurement of each. */
async function measureAll(
  contestants: readonly Contestant[],
  setting: Setting,
  round: number,
): Promise<Measurement[]> {
  const measurements: Measurement[] = [];
  for (const contestant of rotated(contestants, round)) {
    for (const status of contestant.answers) {
      const one = await measure(contestant, status, setting, seconds);
      measurements.push(one);
      console.log(
        `round ${round}: ${contestant.name} ${status}, ${described(setting)}:`,
        `${one.perSecond.toFixed(0)}/s, p50 ${one.p50_ms.toFixed(1)} ms, p99 ${one.p99_ms.toFixed(1)} ms,`,
        `failed ${one.failed}, missing ${one.missing}`,
      );
    }
  }
  return measurements;
}
