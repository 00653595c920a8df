/**
 * `npm run mutants`: plants each bug in a copy of the project, and sees whether the simulation
 * or the tests notice. A proof that cannot fail proves nothing. Ends with 1 where one survives.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { type Mutant, MUTANTS } from "./list.ts";

const COPIED = [
  "src",
  "proof",
  "test",
  "migrations",
  "package.json",
  "wrangler.toml",
  "vitest.config.ts",
  "tsconfig.json",
];
const SECONDS = 180;

interface Instrument {
  name: string;
  command: string[];
}

const INSTRUMENTS: readonly Instrument[] = [
  {
    name: "simulation",
    command: ["node", "proof/simulate/main.ts", "--seeds", "400", "--steps", "1000"],
  },
  { name: "tests", command: ["vitest", "run", "--project", "service", "--bail", "1"] },
];

const copy = mkdtempSync(join(tmpdir(), "millrace-mutants-"));
for (const path of COPIED) cpSync(path, join(copy, path), { recursive: true });
symlinkSync(resolve("node_modules"), join(copy, "node_modules"));

const wanted = process.argv[2];
const chosen = MUTANTS.filter(({ bug }) => !wanted || bug.includes(wanted));
let survived = 0;
try {
  if (catcher()) throw new Error("the unchanged project fails: nothing can be said of the bugs");
  for (const mutant of chosen) {
    const by = plant(mutant);
    if (!by) survived += 1;
    console.log(`${by ? "caught  " : "SURVIVED"}  ${mutant.bug}${by ? `  (${by})` : ""}`);
  }
} finally {
  rmSync(copy, { recursive: true });
}
console.log(`${chosen.length - survived} of ${chosen.length} planted bugs were caught`);
process.exitCode = survived > 0 ? 1 : 0;

/** @returns the instrument that noticed the bug. */
function plant({ bug, file, search, replace }: Mutant): string | undefined {
  const path = join(copy, file);
  const original = readFileSync(path, "utf8");
  if (original.split(search).length !== 2) {
    throw new Error(`"${bug}": its text is not, or not once, in ${file}; mend the list`);
  }
  writeFileSync(
    path,
    original.replace(search, () => replace),
  );
  try {
    return catcher();
  } finally {
    writeFileSync(path, original);
  }
}

function catcher(): string | undefined {
  const failing = INSTRUMENTS.find(({ command: [program = "", ...args] }) => {
    const { status } = spawnSync(program, args, {
      cwd: copy,
      timeout: SECONDS * 1000,
      stdio: "ignore",
    });
    return status !== 0;
  });
  return failing?.name;
}
