import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, test } from "vitest";
import { createTelemetryStore } from "../../cli/telemetry/index.ts";
import { differences, openLocalD1 } from "../../scripts/local-d1.ts";
import { type LocalServer, startServer } from "../../scripts/local-server.ts";
import { newFolder } from "../folder.ts";
import { run, start, writeUploads } from "./bundle.ts";
import { openBusyFront, openRelay } from "./front.ts";
import { uploadNamed } from "./uploads.ts";

const state = newFolder();
let service: LocalServer | undefined;

beforeAll(async () => {
  service = await startServer(state);
}, 120_000);
afterAll(() => service?.kill());

/** For what has to happen, however slow the machine. */
const SOON = { timeout: 40_000 };

/** Settings of a client with a spool of its own. */
function client(url = service?.url ?? "") {
  return {
    MILLRACE_URL: url,
    MILLRACE_TOKEN: "dev-upload-token",
    MILLRACE_SPOOL: join(newFolder(), "deep", "spool.db"),
  };
}

/** What is not in the service's database exactly once, looked at until there is nothing. */
function missing(uploads: ReturnType<typeof uploadNamed>[]) {
  return () => differences(openLocalD1(state), uploads);
}

test("what cannot be sent while the service is down is flushed when it is up, exactly once", async ({
  expect,
}) => {
  const folder = newFolder();
  const uploads = writeUploads(folder, "down", 3);
  let up = false;
  const relay = await openRelay(() => (up ? service?.url : undefined));
  const settings = client(relay.url);
  const spooled = await run(["upload", `${folder}/*.json`, "--deadline", "1"], settings);
  expect([spooled.code, spooled.stdout]).toEqual([0, "3 spooled\n"]);
  expect(spooled.stderr).toContain("3 uploads in the spool");

  const failing = ["upload", `${folder}/*.json`, "--deadline", "1", "--fail-on-error"];
  expect((await run(failing, settings)).code).toBe(1);

  up = true;
  const flush = () => run(["flush", "--wait"], settings);
  const flushes = await Promise.all([flush(), flush()]);
  relay.close();
  // The one that finds what the other is sending is not done.
  expect(flushes.map(({ code }) => code)).toContain(0);
  expect((await run(["spool", "list"], settings)).stdout).toBe("The spool is empty.\n");
  expect(missing(uploads)()).toEqual([]);
});

test("the next upload sends what an earlier one had to leave in the spool", async ({ expect }) => {
  const folder = newFolder();
  const [first, second] = [uploadNamed("left-over"), uploadNamed("next")];
  writeFileSync(join(folder, "a.json"), first.text);
  writeFileSync(join(folder, "b.json"), second.text);
  let up = false;
  const relay = await openRelay(() => (up ? service?.url : undefined));
  const settings = client(relay.url);
  await run(["upload", join(folder, "a.json"), "--deadline", "1"], settings);
  up = true;
  const next = await run(["upload", join(folder, "b.json"), "--wait"], settings);
  relay.close();
  expect([next.code, next.stdout]).toEqual([0, "2 written\n"]);
  expect(missing([first, second])()).toEqual([]);
});

test("the deadline counts from when all is read: standard input may take longer", async ({
  expect,
}) => {
  const folder = newFolder();
  const [slow, file] = [uploadNamed("slow"), uploadNamed("beside-slow")];
  writeFileSync(join(folder, "a.json"), file.text);
  const args = ["upload", "-", join(folder, "a.json"), "--wait", "--deadline", "2"];
  const { child, ended } = start(args, client());
  setTimeout(() => child.stdin?.end(slow.text), 4_000);
  expect(await ended).toMatchObject({ code: 0, stdout: "2 written\n" });
  expect(missing([slow, file])()).toEqual([]);
});

test("429 is retried, and not before Retry-After has passed", async ({ expect }) => {
  const front = await openBusyFront(service?.url ?? "", 1, "2");
  const upload = uploadNamed("busy");
  const result = await run(["upload", "-", "--wait"], client(front.url), upload.text);
  front.close();
  expect([result.code, result.stdout]).toEqual([0, "1 written\n"]);
  const [first = 0, second = 0] = front.posts;
  expect(second - first).toBeGreaterThanOrEqual(2_000);
  expect(missing([upload])()).toEqual([]);
});

test("a Retry-After beyond the deadline spools everything at once", async ({ expect }) => {
  const front = await openBusyFront(service?.url ?? "", 99, "600");
  const folder = newFolder();
  writeUploads(folder, "later", 30);
  const began = Date.now();
  const result = await run(["upload", `${folder}/*.json`], client(front.url));
  front.close();
  expect([result.code, result.stdout]).toEqual([0, "30 spooled\n"]);
  expect(front.posts.length).toBeLessThanOrEqual(8);
  expect(Date.now() - began).toBeLessThan(10_000);
});

test("what the service refuses is kept as refused and blocks nothing", async ({ expect }) => {
  const settings = client();
  const upload = uploadNamed("taken");
  await run(["upload", "-", "--wait"], settings, upload.text);
  const other = JSON.stringify({ ...JSON.parse(upload.text), ecosystem: "pypi" });
  const refused = await run(["upload", "-", "--fail-on-error"], settings, other);
  expect([refused.code, refused.stdout]).toEqual([1, "1 refused\n"]);
  expect((await run(["spool", "list"], settings)).stdout).toMatch(/refused .* 409 /);
  const next = await run(["upload", "-", "--wait"], settings, uploadNamed("beside").text);
  expect([next.code, next.stdout]).toEqual([0, "1 written\n"]);
});

test("a token the service does not know loses nothing: with the right one it is flushed", async ({
  expect,
}) => {
  const settings = client();
  const upload = uploadNamed("wrong-token");
  const wrong = { ...settings, MILLRACE_TOKEN: "wrong" };
  expect((await run(["upload", "-"], wrong, upload.text)).stdout).toBe("1 refused\n");
  const flushed = await run(["flush", "--wait"], settings);
  expect([flushed.code, flushed.stdout]).toEqual([0, "1 written\n"]);
  expect(missing([upload])()).toEqual([]);
});

test("SIGTERM leaves what is not delivered in the spool, and ends with 143", async ({ expect }) => {
  const folder = newFolder();
  const uploads = writeUploads(folder, "term", 40);
  const relay = await openRelay(() => service?.url);
  const settings = client(relay.url);
  const args = ["upload", `${folder}/*.json`, "--rate", "5"];
  const { child, ended } = start(args, settings);
  await expect.poll(() => relay.count("POST "), SOON).toBeGreaterThan(2);
  child.kill("SIGTERM");
  const { code, stderr } = await ended;
  expect(code).toBe(143);
  expect(stderr).toMatch(/\d+ uploads in the spool/);
  expect((await run(["flush", "--wait"], settings)).code).toBe(0);
  relay.close();
  await expect.poll(missing(uploads), SOON).toEqual([]);
});

test("200 files at once are written, each once", async ({ expect }) => {
  const folder = newFolder();
  const uploads = writeUploads(folder, "many", 200);
  const args = ["upload", `${folder}/*.json`, "--rate", "500", "--concurrency", "32"];
  const { code, stdout } = await run(args, client());
  expect([code, stdout]).toEqual([0, "200 pending\n"]);
  await expect.poll(missing(uploads), SOON).toEqual([]);
});

test("the new rows of a telemetry store are flushed once, however often", async ({ expect }) => {
  const dbPath = join(newFolder(), "telemetry.db");
  const store = createTelemetryStore({ dbPath });
  const entry = { repo: "a/b", eventType: "pull_request", model: "m", conclusion: "success" };
  for (let index = 0; index < 5; index++) store.record({ ...entry, sessionId: "once" });
  const settings = client();
  const flush = ["flush", "--wait", "--telemetry", dbPath];
  const [first, second] = [await run(flush, settings), await run(flush, settings)];
  expect([first.stdout, second.stdout]).toEqual(["1 written\n", "nothing was sent\n"]);
  store.record({ ...entry, sessionId: "once" });
  store.close();
  expect((await run(flush, settings)).stdout).toBe("1 written\n");
  const rows = openLocalD1(state).flatMap((database) =>
    database.prepare("SELECT repo FROM executions WHERE session_id = 'once'").all(),
  );
  expect(rows.length).toBe(6);
});

test("doctor finds nothing wrong, and says what a token may do", async ({ expect }) => {
  const { code, stdout } = await run(["doctor", "--json"], client());
  const findings: { check: string; state: string; detail: string }[] = JSON.parse(stdout);
  expect([code, findings.filter(({ state: how }) => how !== "ok")]).toEqual([0, []]);
  expect(findings.find(({ check }) => check === "token")?.detail).toBe("it may ingest");
  const all = await run(["doctor"], { ...client(), MILLRACE_TOKEN: "dev-admin-token" });
  expect(all.stdout).toContain("it may ingest, read, admin");
  const bad = await run(["doctor"], { ...client(), MILLRACE_TOKEN: "no" });
  expect([bad.code, bad.stdout]).toEqual([1, expect.stringContaining("does not know it")]);
});

test("a service killed in the middle of an upload has every batch once when it is back", async ({
  expect,
}) => {
  const relay = await openRelay(() => service?.url);
  const folder = newFolder();
  const uploads = writeUploads(folder, "killed", 60);
  const settings = client(relay.url);
  const { ended } = start(
    ["upload", `${folder}/*.json`, "--rate", "20", "--deadline", "50"],
    settings,
  );
  await expect.poll(() => relay.count("POST "), SOON).toBeGreaterThan(10);
  const before = service;
  service = undefined;
  await before?.kill();
  service = await startServer(state);
  const { code, stderr } = await ended;
  expect(code, stderr).toBe(0);
  const flushed = await run(["flush"], settings);
  expect(flushed.code, flushed.stderr).toBe(0);
  await expect.poll(missing(uploads), SOON).toEqual([]);
  relay.close();
}, 120_000);
