/** `npm run bench`: everyone side by side on this machine, into `docs/benchmarks.md`. */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { bill } from "./bill.ts";
import { CONTESTANTS, withShards } from "./contestants.ts";
import { sqliteRowsPerSecond } from "./limit-sqlite.ts";
import { measure, type Shot } from "./measure.ts";
import { plot } from "./plot.ts";
import { report } from "./report.ts";
import { uploadOf } from "./workload.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    rounds: { type: "string" },
    seconds: { type: "string" },
    only: { type: "string" },
    shards: { type: "string" },
    out: { type: "string", default: "docs/benchmarks.md" },
  },
});

const rounds = Number(values.rounds ?? (values.quick ? 1 : 5));
const seconds = Number(values.seconds ?? (values.quick ? 2 : 5));
const names = values.only?.split(",");
const variants = values.shards?.split(",").map(withShards) ?? [];
const contestants = [
  ...CONTESTANTS.filter(({ name }) => !names || names.includes(name)),
  ...variants,
];

/** Sizes at the middle concurrency, and concurrencies at the middle size. */
const settings = values.quick
  ? [{ results: 100, connections: 16 }]
  : [
      { results: 100, connections: 16 },
      { results: 100, connections: 1 },
      { results: 100, connections: 64 },
      { results: 1, connections: 16 },
      { results: 1_000, connections: 16 },
      { results: 10_000, connections: 16 },
    ];

const shots: Shot[] = [];
const sqlite: number[] = [];
for (const setting of settings) {
  const upload = uploadOf(setting.results);
  for (let round = 1; round <= rounds; round++) {
    if (setting === settings[0]) {
      sqlite.push(await sqliteRowsPerSecond(upload, seconds));
      console.log(`round ${round}: limit-sqlite ${Math.round(sqlite.at(-1) ?? 0)} rows/s`);
    }
    for (const contestant of contestants) {
      for (const status of contestant.answers) {
        const shot = await measure(contestant, status, upload, setting.connections, seconds);
        shots.push(shot);
        const { perSecond, p50_ms, p99_ms, failed, missing, drainRowsPerSecond } = shot;
        console.log(
          `round ${round}: ${contestant.name} ${status}, ${setting.results} results, ${setting.connections} connections:`,
          `${perSecond.toFixed(0)}/s, p50 ${p50_ms.toFixed(1)} ms, p99 ${p99_ms.toFixed(1)} ms,`,
          `drain ${drainRowsPerSecond.toFixed(0)} rows/s, failed ${failed}, missing ${missing}`,
        );
      }
    }
  }
}
const sizes = values.quick ? [100] : [1, 100, 1_000];
const bills = [];
for (const results of sizes) bills.push(await bill(uploadOf(results)));

const command = [
  "npm run bench",
  ...(process.argv.length > 2 ? ["--"] : []),
  ...process.argv.slice(2),
];
writeFileSync(
  values.out,
  report({ shots, sqlite, bills, rounds, seconds, command: command.join(" ") }),
);
writeFileSync(values.out.replace(/\.md$/, ".svg"), plot(shots));
console.log(`wrote ${values.out}`);
