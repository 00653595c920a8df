import { spawnSync } from "node:child_process";
import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { test } from "vitest";
import { findSources } from "../../cli/sources.ts";
import { newFolder } from "../folder.ts";

test("a path that cannot be looked at is named with the reason, and stops no other", async ({
  expect,
}) => {
  const folder = newFolder();
  const at = (name: string) => join(folder, name);
  symlinkSync("loop.xml", at("loop.xml"));
  symlinkSync("nowhere", at("gone.xml"));
  mkdirSync(at("directory"));
  for (const name of ["a.xml", "b[1].xml"]) writeFileSync(at(name), "");
  const long = at("x".repeat(300));
  const names = ["loop.xml", "loop.xml/*.xml", "gone.xml", "directory", "no*.xml"];
  const { found, missing } = await findSources([...names.map(at), long, at("*.xml")]);
  expect(found.map(({ name }) => name)).toEqual([at("a.xml"), at("b[1].xml")]);
  expect(missing.map(({ name, reason }) => [name, reason.split(":")[0]])).toEqual([
    [at("loop.xml"), "ELOOP"],
    [at("loop.xml/*.xml"), "ELOOP"],
    [at("gone.xml"), "there is no such file"],
    [at("directory"), "this is a directory"],
    [at("no*.xml"), "there is no such file"],
    [long, "ENAMETOOLONG"],
  ]);
});

test("a pipe is read like a file", async ({ expect }) => {
  const pipe = join(newFolder(), "pipe");
  spawnSync("mkfifo", [pipe]);
  const { found, missing } = await findSources([pipe]);
  expect(missing).toEqual([]);
  const reading = found.map((source) => text(source.open()));
  await writeFile(pipe, "through");
  expect(await Promise.all(reading)).toEqual(["through"]);
});
