import { globSync, readFileSync } from "node:fs";
import { test } from "vitest";

/** What an event's name looks like, `batch.dead`: every such text in the source is taken for one. */
const EVENT = /"([a-z0-9-]+\.[a-z0-9-]+)"/g;

/** Those that are none: a column. */
const NO_EVENTS = new Set(["run.id"]);

test("the Jenkins snippet has what the client needs, and fails no build for the reports' sake", ({
  expect,
}) => {
  const page = readFileSync("docs/client.md", "utf8");
  const [, snippet = ""] = /```groovy\n(.+?)```/s.exec(page) ?? [];
  for (const name of ["MILLRACE_URL", "MILLRACE_TOKEN"]) expect(snippet).toContain(name);
  expect(snippet).toMatch(/sh "node millrace.mjs upload .* \|\| true"\n/);
});

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
  const written = namesIn(source.join("\n"), EVENT).filter((name) => !NO_EVENTS.has(name));
  expect(namesIn(events, /`([a-z0-9.-]+)`/g)).toEqual(written);
});
