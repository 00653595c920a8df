/**
 * `npm run mutants [-- text]`: plants each bug (or those with the text in their names) in a copy
 * of the project, and sees whether the simulation or the tests notice. A proof that cannot fail
 * proves nothing. Ends with 1 where one survives.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { MUTANTS } from "./list.ts";
import { faultOf, withBug } from "./plant.ts";

const COPIED = [
  "src",
  "proof",
  "test",
  "scripts",
  "migrations",
  "package.json",
  "wrangler.toml",
  "vitest.config.ts",
  "tsconfig.json",
];
/** An instrument that takes longer has noticed the bug too: something hangs. */
const LONGEST_SECONDS = 240;

interface Instrument {
  name: string;
  command: string[];
}

const INSTRUMENTS: readonly Instrument[] = [
  {
    name: "simulation",
    command: ["node", "proof/simulate/main.ts", "--seeds", "300", "--steps", "1000", "--brief"],
  },
  {
    name: "tests",
    command: ["vitest", "run", "--project", "service", "--project", "databases", "--bail", "1"],
  },
];

const wanted = process.argv[2] ?? "";
const chosen = MUTANTS.filter(({ bug }) => bug.includes(wanted));
const faults = MUTANTS.flatMap((mutant) => faultOf(mutant) ?? []);
if (faults.length > 0) throw new Error(faults.join("\n"));

const copy = mkdtempSync(join(tmpdir(), "millrace-mutants-"));
for (const path of COPIED) cpSync(path, join(copy, path), { recursive: true });
symlinkSync(resolve("node_modules"), join(copy, "node_modules"));

const score = new Map<string, number>();
try {
  const broken = catcher();
  if (broken) throw new Error(`the ${broken} fails without any bug: nothing can be said of them`);
  console.log("| caught by | seconds | planted bug |\n|---|---|---|");
  for (const mutant of chosen) {
    const started = performance.now();
    const by = withBug(copy, mutant, catcher) ?? "NOTHING";
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    score.set(by, (score.get(by) ?? 0) + 1);
    console.log(`| ${by} | ${seconds} | ${mutant.bug} |`);
  }
} finally {
  rmSync(copy, { recursive: true });
}
const survived = score.get("NOTHING") ?? 0;
const each = INSTRUMENTS.map(({ name }) => `${score.get(name) ?? 0} by the ${name}`);
console.log(
  `${chosen.length - survived} of ${chosen.length} planted bugs were caught, ${each.join(", ")}`,
);
process.exitCode = survived > 0 ? 1 : 0;

/** @returns the first instrument that notices something. */
function catcher(): string | undefined {
  return INSTRUMENTS.find(({ command: [program = "", ...args] }) => {
    const timeout = LONGEST_SECONDS * 1000;
    return spawnSync(program, args, { cwd: copy, timeout, stdio: "ignore" }).status !== 0;
  })?.name;
}
