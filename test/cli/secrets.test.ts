import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { call } from "../../cli/delivery/connection.ts";
import { newFolder } from "../folder.ts";
import { run } from "./bundle.ts";
import { AWAY, openAnsweringFront, WRITTEN } from "./front.ts";
import { uploadNamed } from "./uploads.ts";

test.for([
  ["a token over two lines", { MILLRACE_TOKEN: "sekrit-abc\nsekrit-def" }],
  ["a token with a letter beyond ASCII", { MILLRACE_TOKEN: "sekrit-é" }],
  ["an address with a password", { MILLRACE_URL: "http://user:sekrit@127.0.0.1:65321" }],
  ["an address with a user", { MILLRACE_URL: "http://sekrit@127.0.0.1:65321" }],
] as const)("%s is told nowhere, and the upload is kept", async ([, wrong], { expect }) => {
  const front = await openAnsweringFront(201, WRITTEN);
  const path = join(newFolder(), "spool.db");
  const settings = { MILLRACE_SPOOL: path, MILLRACE_URL: front.url, MILLRACE_TOKEN: "t", ...wrong };
  const args = ["upload", "-", "--json", "--deadline", "1"];
  const { code, stdout, stderr } = await run(args, settings, uploadNamed("a").text);
  const doctor = await run(["doctor"], settings);
  front.close();
  expect([code, JSON.parse(stdout).counts.spooled, front.posted]).toEqual([0, 1, []]);
  expect([doctor.code, doctor.stdout]).toEqual([1, expect.stringMatching(/fault .*must/)]);
  const told = [stdout, stderr, doctor.stdout, doctor.stderr, readFileSync(path, "latin1")];
  expect(told.join("\n")).not.toContain("sekrit");
});

test.for([
  { url: AWAY, token: "sekrit\nabc" },
  { url: "http://user:sekrit@127.0.0.1:65321", token: undefined },
])("a call that fails tells no secret: %j", async (connection, { expect }) => {
  const failure: unknown = await call(connection, "/").catch((error: unknown) => error);
  expect(String(failure)).toMatch(/^Error: ./);
  expect(String(failure)).not.toContain("sekrit");
});

test("a new spool can be read by its owner alone", async ({ expect }) => {
  const path = join(newFolder(), "deep", "spool.db");
  await run(["upload", "-"], { MILLRACE_SPOOL: path }, uploadNamed("a").text);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});
