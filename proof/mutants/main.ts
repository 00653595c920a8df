/**
 * `npm run mutants [-- text…]`: plants each bug (or those with one of the texts in their names) in a copy
 * of the project, and sees whether the simulation or the tests notice, and what of them does. A
 * proof that cannot fail proves nothing. Ends with 1 if one survives, or if an instrument only
 * hangs or crashes: that may have another cause, and somebody has to look.
 */
import { cpSync, mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { compilerFaults } from "./compile.ts";
import { INSTRUMENTS } from "./instruments.ts";
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
/** Characters of a violation that are shown. */
const MOST_EVIDENCE = 160;

const wanted = process.argv.slice(2);
const chosen = MUTANTS.filter(
  ({ bug }) => wanted.length === 0 || wanted.some((text) => bug.includes(text)),
);
const misplaced = MUTANTS.flatMap((mutant) => faultOf(mutant) ?? []);
const faults = misplaced.length > 0 ? misplaced : compilerFaults(MUTANTS);
if (faults.length > 0) throw new Error(faults.join("\n"));

const copy = mkdtempSync(join(tmpdir(), "millrace-mutants-"));
for (const path of COPIED) cpSync(path, join(copy, path), { recursive: true });
symlinkSync(resolve("node_modules"), join(copy, "node_modules"));

const score = new Map<string, number>();
try {
  const { by, evidence } = verdict();
  if (by !== "NOTHING") {
    throw new Error(`without any bug: ${by}: ${evidence}. Nothing can be said of the bugs`);
  }
  console.log("| caught by | seconds | planted bug | what noticed it |\n|---|---|---|---|");
  for (const mutant of chosen) {
    const started = performance.now();
    const noticed = withBug(copy, mutant, verdict);
    const seconds = ((performance.now() - started) / 1000).toFixed(0);
    score.set(noticed.by, (score.get(noticed.by) ?? 0) + 1);
    const cells = [noticed.by, seconds, mutant.bug, noticed.evidence.slice(0, MOST_EVIDENCE)];
    console.log(`| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`);
  }
} finally {
  rmSync(copy, { recursive: true });
}
const each = INSTRUMENTS.map(({ name }) => ({ name, number: score.get(name) ?? 0 }));
const caught = each.reduce((sum, { number }) => sum + number, 0);
const byEach = each.map(({ name, number }) => `${number} by the ${name}`).join(", ");
console.log(`${caught} of ${chosen.length} planted bugs were caught, ${byEach}`);
process.exitCode = caught < chosen.length ? 1 : 0;

/** What the first instrument says that catches something; else the first that hung or crashed. */
function verdict(): { by: string; evidence: string } {
  let doubtful: { by: string; evidence: string } | undefined;
  for (const instrument of INSTRUMENTS) {
    const { kind, evidence } = instrument.run(copy);
    if (kind === "caught") return { by: instrument.name, evidence };
    if (kind !== "passed")
      doubtful ??= { by: `${instrument.name} ${kind.toUpperCase()}`, evidence };
  }
  return doubtful ?? { by: "NOTHING", evidence: "" };
}
