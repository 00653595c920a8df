import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Mutant } from "./list.ts";

/** Why a bug cannot be planted in the project; undefined where it can. */
export function faultOf({ bug, file, search }: Mutant): string | undefined {
  const found = readFileSync(file, "utf8").split(search).length - 1;
  return found === 1 ? undefined : `"${bug}": its text is ${found} times in ${file}; mend the list`;
}

/** The text of the file with the bug in it. */
export function planted({ file, search, replace }: Mutant): string {
  // A function, since `$` has a meaning in a replacement text.
  return readFileSync(file, "utf8").replace(search, () => replace);
}

/** Does the work with the bug planted in the copy of the project, and takes it out again. */
export function withBug<Result>(copy: string, mutant: Mutant, work: () => Result): Result {
  const path = join(copy, mutant.file);
  const original = readFileSync(path, "utf8");
  writeFileSync(path, planted(mutant));
  try {
    return work();
  } finally {
    writeFileSync(path, original);
  }
}
