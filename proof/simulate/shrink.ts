import { type Faults, faultNames } from "./faults.ts";
import { type Outcome, run } from "./run.ts";

/** Seeds that are tried before a fault is held to be needed: without it, chance falls otherwise. */
const SEEDS = 12;

/** A failing run made smaller: fewer steps, and only the faults that it needs. Its seed may be another. */
export async function shrink(
  outcome: Outcome,
  faults: Faults,
): Promise<{ outcome: Outcome; faults: Faults }> {
  let needed = faults;
  let smallest = await shortest(outcome, needed);
  for (const name of faultNames()) {
    if (needed[name] === 0) continue;
    const without = { ...needed, [name]: 0 };
    const tried = await failing(outcome.seed, outcome.steps, without);
    if (tried) [smallest, needed] = [tried, without];
  }
  return { outcome: await shortest(smallest, needed), faults: needed };
}

/** The first of some seeds that fails with these faults. */
async function failing(seed: number, steps: number, faults: Faults): Promise<Outcome | undefined> {
  for (let next = seed; next < seed + SEEDS; next++) {
    const tried = await run(next, steps, faults);
    if (tried.violations.length > 0) return tried;
  }
  return undefined;
}

/** The same life, broken off as early as it fails. Steps grow by a fifth: failing is not monotonic. */
async function shortest(outcome: Outcome, faults: Faults): Promise<Outcome> {
  for (let steps = 20; steps < outcome.steps; steps = Math.ceil(steps * 1.2)) {
    const tried = await run(outcome.seed, steps, faults);
    if (tried.violations.length > 0) return tried;
  }
  return outcome;
}

/** What happened to the batches that the violations name, and to everything around them. */
export function relevant(outcome: Outcome): string[] {
  const text = outcome.violations.join(" ");
  const keys = new Set(text.match(/b\d+/g) ?? []);
  return outcome.history.filter((line) => {
    if (line.endsWith(" done")) return false;
    const key = /\bb\d+/.exec(line)?.[0];
    return key === undefined || keys.has(key);
  });
}
