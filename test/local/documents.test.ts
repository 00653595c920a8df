import { globSync, readFileSync } from "node:fs";
import { test } from "vitest";

/** Events that are written with a name of their own, like `batch.written`. */
const EVENT =
  /"((?:auth|batch|config|dead-letters?|http|ledger|outbox|queue|retention|store|ticket|upload)\.[a-z-]+)"/g;

function namesIn(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].flatMap(([, name]) => name ?? []))].toSorted();
}

test("every event of the log is in the operator's table, and no other", ({ expect }) => {
  const source = globSync("src/**/*.ts").map((path) => readFileSync(path, "utf8"));
  const page = readFileSync("docs/deploy.md", "utf8");
  const table = page
    .slice(page.indexOf("## Logs"))
    .split("\n")
    .filter((line) => line.startsWith("|"));
  const events = table.map((line) => line.split("|")[1] ?? "").join(" ");
  expect(namesIn(events, /`([a-z.-]+)`/g)).toEqual(namesIn(source.join("\n"), EVENT));
});
