import { copyFileSync, existsSync } from "node:fs";

/** Makes the secrets of local development where there are none: a fresh checkout has only their example. */
export function ensureDevVars(): void {
  if (!existsSync(".dev.vars")) copyFileSync(".dev.vars.example", ".dev.vars");
}
