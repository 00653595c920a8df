/**
 * `npm run bench`: everyone side by side on this machine, into `docs/benchmarks.md`.
 * `-- --results 1000,10000 --out some.md`: only the settings of so many results a batch.
 * `-- --growth`: the cost of a batch as the databases and the ledger fill.
 * `-- --saturation`: what becomes of more load than the service, and others, can take.
 */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { bill } from "./bill.ts";
import type { Contestant } from "./contestant.ts";
import { CONTESTANTS, DIRECT_LEAN, withDatabases, withShards } from "./contestants.ts";
import { drainRowsPerSecond } from "./drain.ts";
import { measureGrowth } from "./growth.ts";
import { sqliteRowsPerSecond } from "./limit-sqlite.ts";
import { measure, type Shot } from "./measure.ts";
import { type Drain, plot, report } from "./report.ts";
import { measureSaturation } from "./saturation.ts";
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

const rounds = Number(values.rounds ?? (values.quick ? 1 : values.growth ? 4 : 3));
/** More at the setting that the bar is about: a machine's noise is greater than what it is to tell apart. */
const barRounds = Number(values.rounds ?? (values.quick ? 1 : 5));
const seconds = Number(values.seconds ?? (values.quick ? 2 : 4));
const command = [
  "npm run bench",
  ...(process.argv.length > 2 ? ["--"] : []),
  ...process.argv.slice(2),
].join(" ");
const run = { rounds, seconds, command };

if (values.growth) await measureGrowth(run, values.out ?? "docs/benchmarks-growth.md");
else if (values.saturation) {
  await measureSaturation(run, values.out ?? "docs/benchmarks-saturation.md");
} else await compare(values.out ?? "docs/benchmarks.md");

/** Everyone side by side. */
async function compare(out: string): Promise<void> {
  const names = values.only?.split(",");
  const contestants = CONTESTANTS.filter(({ name }) => !names || names.includes(name));
  const shards = (values.shards ?? (values.quick ? "" : "16")).split(",").filter(Boolean);
  const databases = (values.databases ?? (values.quick ? "" : "2,4")).split(",").filter(Boolean);
  const variants = [...shards.map(withShards), ...databases.map(withDatabases)];
  if (!values.quick) variants.push(DIRECT_LEAN);
  const middle = { results: 100, connections: 16 };
  /** Sizes at the middle concurrency, and concurrencies at the middle size. */
  const others = [
    { results: 100, connections: 1 },
    { results: 100, connections: 64 },
    { results: 1, connections: 16 },
    { results: 1_000, connections: 16 },
    { results: 10_000, connections: 16 },
  ];

  const sizes = values.results?.split(",").map(Number);
  const isAsked = (results: number) => sizes?.includes(results) ?? true;
  const onlyMiddle = values.quick && !sizes;
  const middleRounds = isAsked(middle.results) ? barRounds : 0;

  const shots: Shot[] = [];
  const sqlite: number[] = [];
  const drains: Drain[] = [];
  for (let round = 1; round <= middleRounds; round++) {
    const upload = uploadOf(middle.results);
    sqlite.push(await sqliteRowsPerSecond(upload, seconds));
    console.log(`round ${round}: limit-sqlite ${Math.round(sqlite.at(-1) ?? 0)} rows/s`);
    for (const count of ["1", ...databases]) {
      const rowsPerSecond = await drainRowsPerSecond(upload, seconds, {
        variables: { DATABASE_SHARDS: count },
        databases: Number(count),
      });
      drains.push({ databases: Number(count), rowsPerSecond });
      console.log(`round ${round}: drain, ${count} databases: ${Math.round(rowsPerSecond)} rows/s`);
    }
    shots.push(...(await shootAll([...contestants, ...variants], middle, round)));
  }
  for (const setting of onlyMiddle ? [] : others) {
    if (!isAsked(setting.results)) continue;
    for (let round = 1; round <= rounds; round++) {
      shots.push(...(await shootAll(contestants, setting, round)));
    }
  }
  const bills = [];
  for (const results of onlyMiddle ? [middle.results] : [1, 100, 1_000]) {
    if (!isAsked(results)) continue;
    bills.push(await bill(uploadOf(results)));
  }
  writeFileSync(out, report({ shots, sqlite, drains, bills, barRounds, ...run }));
  writeFileSync(out.replace(/\.md$/, ".svg"), await plot(shots));
  console.log(`wrote ${out}`);
}

/** One shot of each. */
async function shootAll(
  contestants: readonly Contestant[],
  { results, connections }: { results: number; connections: number },
  round: number,
): Promise<Shot[]> {
  const shots: Shot[] = [];
  for (const contestant of rotated(contestants, round)) {
    for (const status of contestant.answers) {
      const shot = await measure(contestant, status, uploadOf(results), connections, seconds);
      shots.push(shot);
      console.log(
        `round ${round}: ${contestant.name} ${status}, ${results} results, ${connections} connections:`,
        `${shot.perSecond.toFixed(0)}/s, p50 ${shot.p50_ms.toFixed(1)} ms, p99 ${shot.p99_ms.toFixed(1)} ms,`,
        `failed ${shot.failed}, missing ${shot.missing}`,
      );
    }
  }
  return shots;
}
