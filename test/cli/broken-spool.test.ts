import { execFile } from "node:child_process";
import { chmodSync, closeSync, openSync, statSync, writeFileSync, writeSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { test } from "vitest";
import { Courier } from "../../cli/delivery/courier.ts";
import { Deadline } from "../../cli/delivery/deadline.ts";
import { Pace } from "../../cli/delivery/pace.ts";
import { Spool } from "../../cli/spool/spool.ts";
import { createTelemetryStore } from "../../cli/telemetry/index.ts";
import { newFolder } from "../folder.ts";
import { bundle, run, type Run } from "./bundle.ts";
import { AWAY, openAnsweringFront, WRITTEN } from "./front.ts";
import { waitingSpool } from "./spools.ts";
import { entryNamed, uploadNamed } from "./uploads.ts";

/** Files too large for what is left of the disk, unless they are compressed away. */
function writeLargeUploads(folder: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => {
    const { text: _text, ...upload } = uploadNamed(`large-${index}`);
    const message = Array.from({ length: 2_000 }, () => Math.random().toString(36)).join(" ");
    const results = [
      { recipe_name: "a", ecosystem: "npm", result: "failed", error_message: message },
    ];
    writeFileSync(join(folder, `${index}.json`), JSON.stringify({ ...upload, results }));
    return upload.batch_id;
  });
}

/** Runs the client where no file can grow beyond some kilobytes, which SQLite takes for a full disk. */
function runOnFullDisk(args: string[], settings: Record<string, string>): Promise<Run> {
  const script = 'ulimit -f 100; exec "$@"';
  const command = ["-c", script, "bash", process.execPath, bundle, ...args];
  const env = { PATH: process.env["PATH"] ?? "", HOME: newFolder(), ...settings };
  return new Promise((resolve) => {
    const child = execFile("bash", command, { env }, (_, stdout, stderr) => {
      resolve({ code: child.exitCode, stdout, stderr });
    });
  });
}

test("on a full disk every upload is sent all the same, with a warning", async ({ expect }) => {
  const folder = newFolder();
  const names = writeLargeUploads(folder, 12);
  const front = await openAnsweringFront(201, WRITTEN);
  const settings = { MILLRACE_URL: front.url, MILLRACE_SPOOL: join(newFolder(), "spool.db") };
  const args = ["upload", `${folder}/*.json`, "--concurrency", "1"];
  const { code, stdout, stderr } = await runOnFullDisk(args, settings);
  front.close();
  expect([code, stdout]).toEqual([0, "12 written\n"]);
  expect(front.posted.toSorted()).toEqual(names.toSorted());
  expect(stderr).toMatch(/warning: the spool .* failed: /);
});

test("on a full disk with the service away, what is lost is said to be, and no more", async ({
  expect,
}) => {
  const folder = newFolder();
  writeLargeUploads(folder, 12);
  const args = ["upload", `${folder}/*.json`, "--json", "--deadline", "1"];
  for (const url of [AWAY, ""]) {
    const where = { MILLRACE_SPOOL: join(newFolder(), "spool.db"), MILLRACE_URL: url };
    const { code, stdout, stderr } = await runOnFullDisk(args, where);
    const { counts, spool } = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(counts.lost).toBeGreaterThan(0);
    expect(counts.lost + counts.spooled).toBe(12);
    expect(spool.waiting).toBe(counts.spooled);
    expect(stderr).toContain(`error: ${counts.lost} uploads lost`);
  }
});

test("on a full disk flush and upload send what waits, though they cannot claim it", async ({
  expect,
}) => {
  for (const command of ["flush", "upload"]) {
    const folder = newFolder();
    const names = writeLargeUploads(folder, 12);
    const where = { MILLRACE_SPOOL: join(newFolder(), "spool.db") };
    await run(["upload", `${folder}/*.json`], where);
    const front = await openAnsweringFront(201, WRITTEN);
    const args = command === "flush" ? [command] : [command, join(folder, "0.json")];
    const settings = { ...where, MILLRACE_URL: front.url };
    const { code, stdout, stderr } = await runOnFullDisk(args, settings);
    front.close();
    expect([code, new Set(front.posted)]).toEqual([command === "flush" ? 1 : 0, new Set(names)]);
    expect(stdout).toMatch(/^1[23] written/);
    expect(stderr).toMatch(/warning: the spool .* failed: /);
  }
});

test("a spool that fails in the middle of a flush costs no account of what was delivered", async ({
  expect,
}) => {
  const path = join(newFolder(), "spool.db");
  await run(["upload", "-"], { MILLRACE_SPOOL: path }, uploadNamed("a").text);
  const db = new DatabaseSync(path);
  const front = await openAnsweringFront(201, WRITTEN, {}, undefined, () => {
    db.exec("DROP TABLE IF EXISTS uploads");
  });
  const settings = { MILLRACE_SPOOL: path, MILLRACE_URL: front.url };
  const { code, stdout, stderr } = await run(["flush"], settings);
  front.close();
  db.close();
  expect([code, stdout]).toEqual([1, "1 written\n"]);
  expect(stderr).toMatch(/warning: the spool .* failed: no such table: uploads/);
});

test("rows of telemetry that the spool could not commit stay in their store", async ({
  expect,
}) => {
  const dbPath = join(newFolder(), "telemetry.db");
  const store = createTelemetryStore({ dbPath });
  store.record({ repo: "a/b", eventType: "e", model: "m", conclusion: "c" });
  store.close();
  const path = join(newFolder(), "spool.db");
  new Spool(path).close();
  const spool = new DatabaseSync(path);
  // As on a full disk, the insert succeeds and its commit does not.
  spool.exec(`
    CREATE TABLE parents (id INTEGER PRIMARY KEY);
    CREATE TABLE children (id REFERENCES parents DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER full AFTER INSERT ON uploads BEGIN INSERT INTO children VALUES (1); END;`);
  const settings = { MILLRACE_SPOOL: path, MILLRACE_URL: AWAY };
  await run(["flush", "--deadline", "1", "--telemetry", dbPath], settings);
  expect(spool.prepare("SELECT id FROM uploads").all()).toEqual([]);
  spool.close();
  const db = new DatabaseSync(dbPath);
  const [chunk] = db.prepare("SELECT spooled_at FROM execution_chunks").all();
  db.close();
  expect(chunk).toEqual({ spooled_at: null });
});

test("a damaged spool is replaced by one in memory, and the build goes on", async ({ expect }) => {
  const path = await waitingSpool(20);
  const file = openSync(path, "r+");
  const size = statSync(path).size;
  for (let at = 4096; at < size; at += 4096) writeSync(file, Buffer.alloc(4096, "x"), 0, 4096, at);
  closeSync(file);
  const front = await openAnsweringFront(201, WRITTEN);
  const settings = { MILLRACE_SPOOL: path, MILLRACE_URL: front.url };
  const result = await run(["upload", "-"], settings, uploadNamed("new").text);
  front.close();
  expect([result.code, result.stdout]).toEqual([0, "1 written\n"]);
  expect(result.stderr).toContain("cannot be used");
  expect((await run(["doctor"], settings)).stdout).toMatch(/fault +spool.*is damaged/);
});

test("damage in the middle of a spool, met after it is opened, keeps no upload from being sent", async ({
  expect,
}) => {
  const path = await waitingSpool(200);
  const file = openSync(path, "r+");
  const pages = statSync(path).size / 4096;
  // The pages between are of what was kept early; a new upload goes behind it.
  for (let page = Math.floor(pages / 3); page < pages / 2; page++)
    writeSync(file, Buffer.alloc(4096, "x"), 0, 4096, page * 4096);
  closeSync(file);
  const front = await openAnsweringFront(201, WRITTEN);
  const settings = { MILLRACE_SPOOL: path, MILLRACE_URL: front.url };
  const result = await run(["upload", "-"], settings, uploadNamed("new").text);
  front.close();
  expect([result.code, result.stdout, front.posted]).toEqual([0, "1 written\n", ["new"]]);
  expect(result.stderr).toMatch(/the spool .* failed: .*malformed/);
  expect((await run(["doctor"], settings)).stdout).toMatch(/fault +spool.*is damaged/);
});

test("a spool whose table is another's is replaced by one in memory", async ({ expect }) => {
  const path = join(newFolder(), "spool.db");
  const db = new DatabaseSync(path);
  db.exec("CREATE TABLE uploads (id INTEGER PRIMARY KEY, state TEXT) STRICT");
  db.close();
  const settings = { MILLRACE_SPOOL: path, MILLRACE_URL: AWAY };
  const args = ["upload", "-", "--deadline", "1", "--json"];
  const { code, stdout, stderr } = await run(args, settings, uploadNamed("a").text);
  expect([code, JSON.parse(stdout).counts]).toMatchObject([0, { lost: 1, spooled: 0 }]);
  expect(stderr).toContain("no such column");
  expect(stderr).toContain("error: 1 upload lost");
  expect(stderr).not.toContain("millrace flush");
  expect((await run(["doctor"], settings)).stdout).toMatch(/fault +spool/);
});

test.skipIf(process.getuid?.() !== 0)(
  "a user without a home has its uploads sent, from memory",
  async ({ expect }) => {
    const front = await openAnsweringFront(201, WRITTEN);
    for (const path of [dirname(dirname(bundle)), dirname(bundle), bundle]) chmodSync(path, 0o755);
    const env = { PATH: process.env["PATH"] ?? "", MILLRACE_URL: front.url };
    const ended = await new Promise<Run>((resolve) => {
      const options = { env, uid: 54_321, cwd: "/" };
      const child = execFile(
        process.execPath,
        [bundle, "upload", "-"],
        options,
        (_, stdout, stderr) => {
          resolve({ code: child.exitCode, stdout, stderr });
        },
      );
      child.stdin?.end(uploadNamed("homeless").text);
    });
    front.close();
    expect([ended.code, ended.stdout]).toEqual([0, "1 written\n"]);
    expect(ended.stderr).toContain("no home directory");
  },
);

function courierTo(url: string, path: string): Courier {
  const [deadline, signal] = [new Deadline(10_000), AbortSignal.timeout(10_000)];
  const pace = new Pace({ rate: 50, concurrency: 2, signal, deadline });
  const service = { connection: { url, token: undefined } };
  return new Courier(new Spool(path), { service, pace, signal, deadline, wait: false }, () => {});
}

test("a spool that breaks while it is used costs the other uploads nothing, and what was in it is lost", async ({
  expect,
}) => {
  const path = join(newFolder(), "spool.db");
  const front = await openAnsweringFront(201, WRITTEN);
  const courier = courierTo(front.url, path);
  const [first, second] = [await entryNamed("first"), await entryNamed("second")];
  courier.post(first);
  const db = new DatabaseSync(path);
  db.exec("DROP TABLE uploads");
  db.close();
  courier.post(second);
  await courier.finish();
  front.close();
  expect(courier.deliveries).toMatchObject([
    { batch_id: "first", state: "lost", reason: "no such table: uploads" },
    { batch_id: "second", state: "written" },
  ]);
  expect([...courier.troubles]).toEqual(["no such table: uploads"]);
});

/** Posts an upload, and forgets it but for a reference that does not hold its body. */
async function postOne(courier: Courier): Promise<WeakRef<Uint8Array>> {
  const entry = await entryNamed("forgotten");
  courier.post(entry);
  return new WeakRef(entry.body);
}

test("what the spool had no room for leaves memory once it is delivered", async ({ expect }) => {
  const path = join(newFolder(), "spool.db");
  const front = await openAnsweringFront(201, WRITTEN);
  const courier = courierTo(front.url, path);
  const db = new DatabaseSync(path);
  db.exec("DROP TABLE uploads");
  db.close();
  const body = await postOne(courier);
  await courier.finish();
  front.close();
  expect(courier.deliveries).toMatchObject([{ batch_id: "forgotten", state: "written" }]);
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  await expect
    .poll(() => {
      collect();
      return body.deref() === undefined;
    })
    .toBe(true);
  // Lives until here.
  expect(courier.troubles.size).toBe(1);
});
