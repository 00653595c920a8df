import { isBuiltin } from "node:module";
import { EXIT } from "./exit-codes.ts";
import { Failure } from "./failure.ts";

/**
 * Checks that this Node has SQLite, which came with 22.5 behind a flag and with 22.13 without.
 * @throws Failure that says which Node is needed.
 */
export function requireSqlite(): void {
  if (isBuiltin("node:sqlite")) return;
  const found = process.versions.node;
  throw new Failure(`Node 22.13 or later is needed, this is ${found}.`, EXIT.wrongInput);
}
