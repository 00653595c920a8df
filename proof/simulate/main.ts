/**
 * `npm run simulate -- --seed S --steps N [--seeds M] [--only fault,fault] [--brief]`: M lives
 * from seed S on, of N steps each, with all faults or only those. Ends with 1 at the first seed
 * whose promises were broken, and tells how it came to that, which `--brief` leaves out.
 */
import { parseArgs } from "node:util";
import { ALL, only } from "./faults.ts";
import { makeBoundsVariable } from "./bounds.ts";

// Before all that imports the service's limits.
makeBoundsVariable();
const { run } = await import("./run.ts");
const { relevant, shrink } = await import("./shrink.ts");
const { Evicted } = await import("./shard-host.ts");

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    seeds: { type: "string", default: "1" },
    steps: { type: "string", default: "1000" },
    only: { type: "string" },
    brief: { type: "boolean", default: false },
  },
});

// An instance that has ended takes its unfinished work with it: that is the point.
process.on("unhandledRejection", (error) => {
  if (error instanceof Evicted) return;
  // A life takes the console for itself.
  process.stderr.write(`${error instanceof Error ? error.stack : String(error)}\n`);
  process.exit(2);
});

/** Lines of the history that are shown: a minimal one is far shorter. */
const MOST_LINES = 150;

const first = Number(values.seed);
const count = Number(values.seeds);
const steps = Number(values.steps);
const faults = values.only === undefined ? ALL : only(values.only.split(","));
const started = performance.now();
let all = 0;
const happened = new Map<string, number>();
let hash = "";
for (let seed = first; seed < first + count; seed++) {
  const outcome = await run(seed, steps, faults);
  all += outcome.allSteps;
  for (const [name, number] of outcome.happened) {
    happened.set(name, (happened.get(name) ?? 0) + number);
  }
  hash = outcome.hash;
  if (outcome.violations.length > 0) {
    if (values.brief) console.log(outcome.violations.join("\n"));
    else await explain(seed);
    process.exit(1);
  }
}
const seconds = (performance.now() - started) / 1000;
console.log(
  `${count} seeds from ${first}, ${all} steps: every promise kept (${seconds.toFixed(1)} s; trace of the last seed ${hash})
${[...happened].map(([name, number]) => `${name} ${number}`).join(", ")}`,
);

async function explain(seed: number): Promise<void> {
  const small = await shrink(await run(seed, steps, faults), faults);
  const { outcome } = small;
  const needed = Object.entries(small.faults).flatMap(([name, chance]) => (chance > 0 ? name : []));
  console.log(
    `seed ${seed} breaks its promises. The least that breaks them, seed ${outcome.seed}:`,
  );
  console.log(outcome.violations.map((line) => `  ${line}`).join("\n"));
  console.log(relevant(outcome).slice(0, MOST_LINES).join("\n"));
  console.log(`trace ${outcome.hash}; again:`);
  console.log(
    `npm run simulate -- --seed ${outcome.seed} --steps ${outcome.steps} --only ${needed.join(",")}`,
  );
}
