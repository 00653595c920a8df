import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

const made: string[] = [];

/** A folder of a test's own, which goes when the tests of its file have ended. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "millrace-"));
  made.push(folder);
  return folder;
}

// Imported before a test file's own hooks are made, and so run after them.
afterAll(() => {
  for (const folder of made) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
});
