import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "vitest";
import { Spool } from "../../cli/spool/spool.ts";
import { createTelemetryStore } from "../../cli/telemetry/index.ts";
import { newFolder } from "../folder.ts";
import { run } from "./bundle.ts";
import { AWAY, openAnsweringFront, WRITTEN } from "./front.ts";
import { entryNamed, uploadNamed } from "./uploads.ts";

const PRODUCTION = "https://production.example";

/** A spool's file with an upload that waits for each of these addresses: u-0, u-1, … */
async function spoolFor(...addresses: string[]): Promise<string> {
  const path = join(newFolder(), "spool.db");
  for (const [index, address] of addresses.entries()) {
    const spool = new Spool(path, { address });
    spool.add(await entryNamed(`u-${index}`));
    spool.close();
  }
  return path;
}

test("what waits for one address stays when another is given, which gets only its own", async ({
  expect,
}) => {
  const path = await spoolFor(PRODUCTION);
  const staging = await openAnsweringFront(201, WRITTEN);
  const settings = { MILLRACE_SPOOL: path, MILLRACE_URL: PRODUCTION };
  const args = ["--url", staging.url];
  const uploaded = await run(["upload", "-", ...args], settings, uploadNamed("new").text);
  const flushed = await run(["flush", ...args], settings);
  staging.close();
  expect([uploaded.code, uploaded.stdout]).toEqual([0, "1 written\n"]);
  // It has all that is its own.
  expect([flushed.code, flushed.stdout]).toEqual([0, "nothing was sent\n"]);
  expect(staging.posted).toEqual(["new"]);
  for (const { stderr } of [uploaded, flushed]) {
    expect(stderr).toBe(
      `warning: 1 upload in the spool ${path} for other addresses (1 for ${PRODUCTION}): send there with millrace flush --url ADDRESS and the token of that service, or here with millrace flush --from ADDRESS\n`,
    );
  }
  const { stdout } = await run(["spool", "list", "--json"], settings);
  expect(JSON.parse(stdout)).toMatchObject([{ address: PRODUCTION, attempts: 0 }]);
});

test("flush --from sends here what was meant for the others that it names, and is not done before", async ({
  expect,
}) => {
  const path = await spoolFor(PRODUCTION, "https://wrong.example", "https://old.example");
  const settings = { MILLRACE_SPOOL: path };
  const from = ["flush", "--from", "https://wrong.example/", "https://old.example"];
  const args = [...from, "--deadline", "1", "--url"];
  const away = await run([...args, AWAY], settings);
  expect([away.code, away.stdout]).toEqual([1, "2 spooled\n"]);
  const front = await openAnsweringFront(201, WRITTEN);
  const { code, stdout, stderr } = await run([...args, front.url], settings);
  front.close();
  expect([code, stdout]).toEqual([0, "2 written\n"]);
  expect(stderr).toContain(`1 for ${PRODUCTION}`);
  expect(front.posted.toSorted()).toEqual(["u-1", "u-2"]);
});

test("an address that flush is to send from must be one", async ({ expect }) => {
  const settings = { MILLRACE_SPOOL: await spoolFor(PRODUCTION), MILLRACE_URL: AWAY };
  const { code, stderr } = await run(["flush", "--from", "production"], settings);
  expect([code, stderr]).toEqual([2, expect.stringContaining("--from must be an address like")]);
});

test("flush is not done while something waits for its address or for none", async ({ expect }) => {
  for (const address of [AWAY, ""]) {
    const settings = { MILLRACE_SPOOL: await spoolFor(address), MILLRACE_URL: AWAY };
    expect((await run(["flush", "--deadline", "1"], settings)).code).toBe(1);
  }
});

test("what was kept without an address goes to the first service that comes", async ({
  expect,
}) => {
  const settings = { MILLRACE_SPOOL: join(newFolder(), "spool.db") };
  await run(["upload", "-"], settings, uploadNamed("a").text);
  expect((await run(["spool", "list"], settings)).stdout).toMatch(/ any /);
  const [first, second] = [
    await openAnsweringFront(201, WRITTEN),
    await openAnsweringFront(201, WRITTEN),
  ];
  for (const front of [first, second]) await run(["flush", "--url", front.url], settings);
  for (const front of [first, second]) front.close();
  expect([first.posted, second.posted]).toEqual([["a"], []]);
});

test("an address that is spelled otherwise is the same service", async ({ expect }) => {
  const front = await openAnsweringFront(201, WRITTEN);
  const settings = { MILLRACE_SPOOL: await spoolFor(front.url) };
  const spelled = `${front.url.replace("http", "HTTP")}//`;
  const { code, stdout, stderr } = await run(["flush", "--url", spelled], settings);
  front.close();
  expect([code, stdout, stderr]).toEqual([0, "1 written\n", ""]);
});

test("rows of telemetry are for the address of the flush that moved them", async ({ expect }) => {
  const dbPath = join(newFolder(), "telemetry.db");
  const store = createTelemetryStore({ dbPath });
  store.record({ repo: "a/b", eventType: "e", model: "m", conclusion: "c" });
  store.close();
  const settings = { MILLRACE_SPOOL: join(newFolder(), "spool.db"), MILLRACE_TELEMETRY: dbPath };
  await run(["flush", "--deadline", "1", "--url", AWAY], settings);
  const front = await openAnsweringFront(201, WRITTEN);
  const { stdout, stderr } = await run(["flush", "--url", front.url], settings);
  front.close();
  expect([stdout, stderr]).toEqual(["nothing was sent\n", expect.stringContaining(AWAY)]);
});

test("of many addresses a few are named, and the list and doctor tell of all", async ({
  expect,
}) => {
  const addresses = Array.from({ length: 7 }, (_, index) => `https://a${index}.example`);
  const settings = { MILLRACE_SPOOL: await spoolFor(...addresses), MILLRACE_URL: AWAY };
  const { stderr } = await run(["flush"], settings);
  expect(stderr).toMatch(/^warning: 7 uploads .*1 for https:\/\/a4\.example, 2 for further ones\)/);
  const listed = (await run(["spool", "list"], settings)).stdout;
  expect(addresses.filter((address) => !listed.includes(` ${address}`))).toEqual([]);
  const { stdout } = await run(["doctor"], settings);
  expect(stdout).toMatch(/note +spool .*: 0 waiting, 0 refused, 7 for other addresses/);
});

test("a spool whose entries name no address cannot be used", async ({ expect }) => {
  const path = await spoolFor("");
  const db = new DatabaseSync(path);
  db.exec("CREATE TABLE others AS SELECT * FROM uploads; DROP TABLE uploads");
  db.exec("ALTER TABLE others DROP COLUMN address; ALTER TABLE others RENAME TO uploads");
  db.close();
  const front = await openAnsweringFront(201, WRITTEN);
  const settings = { MILLRACE_SPOOL: path, MILLRACE_URL: front.url };
  const { code, stdout, stderr } = await run(["upload", "-"], settings, uploadNamed("a").text);
  front.close();
  expect([code, stdout]).toEqual([0, "1 written\n"]);
  expect(stderr).toContain("cannot be used (no such column: address)");
});
