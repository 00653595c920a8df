import { mkdirSync, realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "vitest";
import { detectCi } from "../../cli/ci/index.ts";
import { importSource } from "../../cli/importing.ts";
import { findSources } from "../../cli/sources.ts";
import { slugOf } from "../../cli/batch-id.ts";
import { newFolder } from "../folder.ts";
import { ONE_CASE } from "./uploads.ts";

const CTRF = JSON.stringify({ results: { tests: [{ name: "t", status: "passed" }] } });

/** The batch_ids of the uploads in files of a new folder. */
async function batchIdsOf(files: Record<string, string>): Promise<unknown[]> {
  const folder = newFolder();
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
  const { found } = await findSources(Object.keys(files).map((name) => join(folder, name)));
  const ids: unknown[] = [];
  for (const source of found) {
    const options = { json: false, batchId: "run" };
    for await (const { upload } of importSource(source, options, false))
      ids.push(upload["batch_id"]);
  }
  return ids;
}

test.for([
  ["whose names differ in a slash", ["packages/core/ui/junit.xml", "packages/core-ui/junit.xml"]],
  ["whose names have no letter of an id", ["日本.xml", "中国.xml", ".xml", "xml"]],
  ["whose names differ in a dot at the front", [".a.xml", "a.xml"]],
] as const)("files %s are batches of their own", async ([, names], { expect }) => {
  const ids = await batchIdsOf(Object.fromEntries(names.map((name) => [name, ONE_CASE])));
  expect(new Set(ids).size).toBe(names.length);
  for (const id of ids) expect(id).toMatch(/^[A-Za-z0-9._:@+-]{1,200}$/);
});

test("each line of a file with several CTRF reports is a batch of its own", async ({ expect }) => {
  const [first, second, third] = await batchIdsOf({ "a.ndjson": `${CTRF}\n${CTRF}\n${CTRF}\n` });
  expect([second, third]).toEqual([`${String(first)}:2`, `${String(first)}:3`]);
});

test("a file keeps its name in every directory of the workspace, and shares it with none", ({
  expect,
}) => {
  const workspace = newFolder();
  for (const module of ["m1", "m2"]) mkdirSync(join(workspace, module));
  const seen = (directory: string, file: string) => {
    const before = process.cwd();
    process.chdir(directory);
    const slug = slugOf(file, workspace);
    process.chdir(before);
    return slug;
  };
  const first = seen(workspace, "m1/junit.xml");
  expect(first).toMatch(/^m1-junit\.xml-[0-9a-f]{8}$/);
  expect(seen(join(workspace, "m1"), "junit.xml")).toBe(first);
  expect(seen(join(workspace, "m2"), "../m1/junit.xml")).toBe(first);
  expect(seen("/", join(workspace, "m1", "junit.xml"))).toBe(first);
  expect(seen(join(workspace, "m2"), "junit.xml")).not.toBe(first);
  expect(seen(workspace, "junit.xml")).toBe("junit.xml");
});

test("a workspace that is a link is the directory it stands for", ({ expect }) => {
  const workspace = newFolder();
  const link = join(newFolder(), "link");
  symlinkSync(workspace, link);
  expect(slugOf(join(realpathSync(workspace), "a.xml"), link)).toBe("a.xml");
  expect(slugOf(join(link, "a.xml"), workspace)).toBe("a.xml");
  expect(slugOf(join(link, "a.xml"), link)).toBe("a.xml");
});

test("a file in a directory of the workspace that is a link is named by the link", ({ expect }) => {
  const workspace = newFolder();
  symlinkSync(newFolder(), join(workspace, "testlogs"));
  expect(slugOf(join(workspace, "testlogs", "a.xml"), workspace)).toMatch(/^testlogs-a\.xml-/);
});

test("a file outside the workspace is named in full", ({ expect }) => {
  expect(slugOf("/elsewhere/a.xml", "/work/a")).toBe(slugOf("/elsewhere/a.xml", "/work/b/c"));
});

test.for([
  { GITHUB_ACTIONS: "true", GITHUB_WORKSPACE: "/w" },
  { GITLAB_CI: "true", CI_PROJECT_DIR: "/w" },
  { CIRCLECI: "true", CIRCLE_WORKING_DIRECTORY: "~/p", HOME: "/w" },
  { BUILDKITE: "true", BUILDKITE_BUILD_CHECKOUT_PATH: "/w" },
  { TF_BUILD: "True", BUILD_SOURCESDIRECTORY: "/w" },
  { BITBUCKET_BUILD_NUMBER: "1", BITBUCKET_CLONE_DIR: "/w" },
  { JENKINS_URL: "http://j", WORKSPACE: "/w" },
])("the workspace is told by the environment %j", (environment, { expect }) => {
  expect(detectCi(environment).workspace).toMatch(/^\/w(\/p)?$/);
});
