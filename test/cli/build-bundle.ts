import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";

declare module "vitest" {
  export interface ProvidedContext {
    /** A folder, away from node_modules, with what `npm run build` makes: `dist` and `action`. */
    built: string;
  }
}

/** Builds what is shipped, once for all the tests of a run. */
export default function setup(project: TestProject): () => void {
  const folder = mkdtempSync(join(tmpdir(), "millrace-built-"));
  const outputs = [join(folder, "dist"), join(folder, "action")];
  execFileSync(process.execPath, ["scripts/build.ts", ...outputs], { stdio: "pipe" });
  project.provide("built", folder);
  return () => rmSync(folder, { recursive: true, force: true });
}
