import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "vitest";
import { createTelemetryStore } from "../../cli/telemetry/index.ts";
import { newFolder } from "../folder.ts";
import { run } from "./bundle.ts";
import { AWAY, openAnsweringFront, WRITTEN } from "./front.ts";
import { waitingSpool } from "./spools.ts";

test("one upload that is refused holds up none of 2,500", async ({ expect }) => {
  const front = await openAnsweringFront(201, WRITTEN, {}, "u-7");
  const settings = { MILLRACE_SPOOL: await waitingSpool(2_500), MILLRACE_URL: front.url };
  const args = ["flush", "--rate", "5000", "--concurrency", "64"];
  const { code, stdout } = await run(args, settings);
  front.close();
  expect([code, stdout]).toEqual([1, "2499 written, 1 refused\n"]);
  expect(new Set(front.posted).size).toBe(front.posted.length);
});

test("a store that is none, and a row that is not valid, hold up no others", async ({ expect }) => {
  const folder = newFolder();
  const [none, mixed, good] = ["none.db", "mixed.db", "good.db"].map((name) => join(folder, name));
  const entry = { repo: "a/b", eventType: "e", model: "m", conclusion: "c" };
  for (const dbPath of [mixed, good]) {
    const store = createTelemetryStore({ dbPath: dbPath ?? "" });
    for (let index = 0; index < 3; index++) store.record(entry);
    store.close();
  }
  writeFileSync(none ?? "", "this is no database, but text, and rather more than a header of it");
  const db = new DatabaseSync(mixed ?? "");
  db.exec("UPDATE executions SET repo = '' WHERE id = 2");
  const front = await openAnsweringFront(201, WRITTEN);
  const settings = { MILLRACE_SPOOL: await waitingSpool(1), MILLRACE_URL: front.url };
  const args = ["flush", "--telemetry", none ?? "", mixed ?? "", good ?? ""];
  const first = await run(args, settings);
  expect([first.code, first.stdout]).toEqual([2, "3 written\n"]);
  expect(first.stderr).toContain("none.db: file is not a database");
  expect(first.stderr).toContain("mixed.db: row 2 is not valid: repo must not be empty");

  // It is named until it is mended, and then goes like any other.
  const second = await run(args, settings);
  expect([second.code, second.stdout]).toEqual([2, "nothing was sent\n"]);
  expect(second.stderr).toContain("row 2 is not valid");
  db.exec("UPDATE executions SET repo = 'a/b' WHERE id = 2");
  db.close();
  const third = await run(["flush", "--telemetry", mixed ?? ""], settings);
  front.close();
  expect([third.code, third.stdout]).toEqual([0, "1 written\n"]);
});

test("what another machine's process has claimed still waits: flush is not done", async ({
  expect,
}) => {
  const path = await waitingSpool(2);
  const spool = new DatabaseSync(path);
  const claim = spool.prepare("UPDATE uploads SET claimed_by = ?, claimed_until = ? WHERE id = 1");
  claim.run("elsewhere 1 x", Date.now() + 60_000);
  const front = await openAnsweringFront(201, WRITTEN);
  const settings = { MILLRACE_SPOOL: path, MILLRACE_URL: front.url };
  const early = await run(["flush"], settings);
  expect([early.code, early.stdout]).toEqual([1, "1 written\n"]);
  claim.run("elsewhere 1 x", Date.now() - 1);
  const late = await run(["flush"], settings);
  front.close();
  spool.close();
  expect([late.code, late.stdout]).toEqual([0, "1 written\n"]);
});

test("flush sends what was refused for the address's sake after what waits, all of it", async ({
  expect,
}) => {
  const path = await waitingSpool(1_500);
  const db = new DatabaseSync(path);
  db.exec("UPDATE uploads SET state = 'refused', last_status = 404 WHERE id <= 1200");
  db.close();
  const front = await openAnsweringFront(201, WRITTEN);
  const settings = { MILLRACE_SPOOL: path, MILLRACE_URL: front.url };
  const args = ["flush", "--rate", "5000", "--concurrency", "1"];
  const { code, stdout } = await run(args, settings);
  front.close();
  expect([code, stdout, front.posted[0]]).toEqual([0, "1500 written\n", "u-1200"]);
});

test("flush ends at its deadline, however much waits", async ({ expect }) => {
  const settings = {
    MILLRACE_SPOOL: await waitingSpool(1_100),
    MILLRACE_URL: AWAY,
  };
  const began = Date.now();
  const { code } = await run(["flush", "--deadline", "1"], settings);
  expect([code, Date.now() - began < 10_000]).toEqual([1, true]);
});
