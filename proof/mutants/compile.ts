import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Mutant } from "./list.ts";
import { planted } from "./plant.ts";

/** A bug leaves names unused, which is no reason to refuse it. */
const FLAGS = ["--pretty", "false", "--noUnusedLocals", "false", "--noUnusedParameters", "false"];

const FAULT = /\.mutant-(\d+)\.ts(\(.*)$/;

/**
 * Why bugs do not compile. One that does not could never have been released, and the error it throws
 * at once would pass for being caught. They are compiled all together: each changed file stands beside
 * the one that it is made of.
 */
export function compilerFaults(mutants: readonly Mutant[]): string[] {
  const copy = mkdtempSync(join(tmpdir(), "millrace-mutants-"));
  try {
    for (const path of ["src", "package.json", "tsconfig.json"]) {
      cpSync(path, join(copy, path), { recursive: true });
    }
    symlinkSync(resolve("node_modules"), join(copy, "node_modules"));
    for (const [number, mutant] of mutants.entries()) {
      const path = join(copy, mutant.file.replace(/\.ts$/, `.mutant-${number}.ts`));
      writeFileSync(path, planted(mutant));
    }
    const { status, stdout, error } = spawnSync("tsc", FLAGS, { cwd: copy, encoding: "utf8" });
    if (error) throw error;
    const faults = stdout.split("\n").flatMap((line) => {
      const [, number, fault] = FAULT.exec(line) ?? [];
      return number === undefined ? [] : `"${mutants[Number(number)]?.bug}": ${fault}`;
    });
    if (status !== 0 && faults.length === 0) throw new Error(`tsc failed: ${stdout}`);
    return faults;
  } finally {
    rmSync(copy, { recursive: true });
  }
}
