import { type Faults, NONE } from "./faults.ts";
import { type Outcome, run } from "./run.ts";

/** A failing run made smaller: fewer steps, and only the faults that it needs. */
export async function shrink(
  outcome: Outcome,
  faults: Faults,
): Promise<{ outcome: Outcome; faults: Faults }> {
  let smallest = outcome;
  let needed = faults;
  for (const name of faultNames()) {
    if (needed[name] === 0) continue;
    const without = { ...needed, [name]: 0 };
    const tried = await run(outcome.seed, smallest.steps, without);
    if (tried.violations.length > 0) [smallest, needed] = [tried, without];
  }
  for (let steps = 25; steps < smallest.steps; steps = Math.ceil(steps * 1.3)) {
    const tried = await run(outcome.seed, steps, needed);
    if (tried.violations.length > 0) return { outcome: tried, faults: needed };
  }
  return { outcome: smallest, faults: needed };
}

/** What happened to the batches that the violations name, and to everything around them. */
export function relevant(outcome: Outcome): string[] {
  const text = outcome.violations.join(" ");
  const keys = new Set(text.match(/b\d+/g) ?? []);
  return outcome.history.filter((line) => {
    const key = /\bb\d+/.exec(line)?.[0];
    return key === undefined || keys.has(key);
  });
}

function faultNames(): (keyof Faults)[] {
  const names: (keyof Faults)[] = [];
  for (const name in NONE) if (isFault(name)) names.push(name);
  return names;
}

function isFault(name: string): name is keyof Faults {
  return name in NONE;
}
