import { spawnSync } from "node:child_process";
import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
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

/** Makes a folder with empty files, and goes there while `work` runs. */
async function inFolder<Result>(
  files: readonly string[],
  work: (folder: string) => Promise<Result>,
): Promise<Result> {
  const folder = realpathSync(newFolder());
  for (const file of files) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), "");
  }
  const before = process.cwd();
  process.chdir(folder);
  try {
    return await work(folder);
  } finally {
    process.chdir(before);
  }
}

async function namesOf(...names: string[]): Promise<string[]> {
  return (await findSources(names)).found.map(({ name }) => name);
}

test("a file is found once, however many paths lead to it, by the first of them", async ({
  expect,
}) => {
  await inFolder(["r/a.xml", "r/b.xml"], async (folder) => {
    symlinkSync("a.xml", "r/c.xml");
    symlinkSync("r", "s");
    expect(await namesOf(`${folder}/r/a.xml`, "r/a.xml")).toEqual([`${folder}/r/a.xml`]);
    expect(await namesOf("s/b.xml", "./r/*.xml", `${folder}/**/*.xml`)).toEqual([
      "s/b.xml",
      "r/a.xml",
    ]);
    expect(await namesOf("/dev/stdin", "-")).toEqual(["/dev/stdin"]);
  });
});

test("a glob finds no files of node_modules, unless it names it", async ({ expect }) => {
  const files = ["a.xml", "node_modules/b.xml", "d/node_modules/e/c.xml"];
  await inFolder(files, async (folder) => {
    mkdirSync("below");
    expect(await namesOf("**/*.xml")).toEqual(["a.xml"]);
    expect(await namesOf(`${folder}/**/*.xml`)).toEqual([`${folder}/a.xml`]);
    expect(await namesOf("d/node_modules/**/*.xml", "node_modules/b.xml")).toEqual(
      files.slice(1).toReversed(),
    );
    process.chdir("below");
    expect(await namesOf("../**/*.xml")).toEqual(["../a.xml"]);
    expect(await namesOf("../**/node_modules/**/*.xml")).toHaveLength(2);
  });
});

test("links that lead in circles do not hold up a glob, which finds linked files all the same", async ({
  expect,
}) => {
  const directories = Array.from({ length: 8 }, (_, index) => `d${index}`);
  const files = directories.map((directory) => `${directory}/a.xml`);
  await inFolder(files, async (folder) => {
    for (const directory of directories) {
      for (const other of directories) symlinkSync(`../${other}`, `${directory}/to-${other}`);
    }
    const elsewhere = join(newFolder(), "linked.xml");
    writeFileSync(elsewhere, "");
    symlinkSync(elsewhere, "d0/linked.xml");
    const expected = ["d0/a.xml", "d0/linked.xml", ...files.slice(1)];
    expect(await namesOf("**/*.xml")).toEqual(expected);
    // What a pattern names may be a link, also outside of the working directory.
    expect(await namesOf("d1/to-d0/**/*.xml")).toEqual(["d1/to-d0/a.xml", "d1/to-d0/linked.xml"]);
    process.chdir("d2");
    expect(await namesOf("../d1/to-d3/**/*.xml")).toEqual(["../d1/to-d3/a.xml"]);
    expect(await namesOf("to-d4/*.xml", "*-d5/*.xml")).toEqual(["to-d4/a.xml", "to-d5/a.xml"]);
    expect(await namesOf(`${folder}/d1/to-d6/**/a.xml`)).toEqual([`${folder}/d1/to-d6/a.xml`]);
  });
});
