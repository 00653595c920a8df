import { execFileSync } from "node:child_process";
import { test } from "vitest";
import { faultNames } from "../../proof/simulate/faults.ts";
import { Random } from "../../proof/simulate/random.ts";
import { compilerFaults } from "../../proof/mutants/compile.ts";
import { COUNTED } from "../../proof/simulate/tally.ts";
import { MUTANTS } from "../../proof/mutants/list.ts";
import { faultOf } from "../../proof/mutants/plant.ts";

/** Runs the simulation in a process of its own: it takes chance and the console for itself. */
function simulate(...flags: string[]): string {
  return execFileSync(process.execPath, ["proof/simulate/main.ts", ...flags], { encoding: "utf8" });
}

/** What a run tells of itself, but for how long it took. */
function trace(text: string): string {
  return text.replace(/\([\d.]+ s;/, "(");
}

test("a seed lives the same life every time, and another seed another", ({ expect }) => {
  const life = trace(simulate("--seed", "5", "--steps", "3000"));
  expect(trace(simulate("--seed", "5", "--steps", "3000"))).toBe(life);
  expect(trace(simulate("--seed", "6", "--steps", "3000"))).not.toBe(life);
});

test(
  "300 lives keep every promise, and whatever may go wrong or come out has happened in them",
  { timeout: 600_000 },
  ({ expect }) => {
    const told = simulate("--seeds", "300", "--steps", "1000", "--brief");
    expect(told).toContain("every promise kept");
    const counts = new Map(
      [...told.matchAll(/(?<=^|, )(\D+?) (\d+)(?=,|$)/gm)].map(([, name = "", number]) => [
        name,
        Number(number),
      ]),
    );
    expect([...counts.keys()]).toEqual(expect.arrayContaining([...faultNames(), ...COUNTED]));
    expect([...counts].filter(([, number]) => number === 0)).toEqual([]);
  },
);

test("a seed gives the same chances on every machine", ({ expect }) => {
  const random = new Random(42);
  expect([random.below(1000), random.below(1000), random.below(1000)]).toEqual([601, 448, 852]);
});

test("every planted bug still finds the text it changes, and compiles", ({ expect }) => {
  expect(MUTANTS.map(faultOf).filter((fault) => fault !== undefined)).toEqual([]);
  expect(compilerFaults(MUTANTS)).toEqual([]);
  expect(MUTANTS.length).toBeGreaterThanOrEqual(58);
});
