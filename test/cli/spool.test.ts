import { spawn } from "node:child_process";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "vitest";
import { Spool } from "../../cli/spool/spool.ts";
import { newFolder } from "../folder.ts";
import { entryNamed } from "./uploads.ts";

/** A writer that is killed with SIGKILL after some milliseconds. Returns what it said it had kept. */
function killedWriter(path: string, prefix: string, afterFirst_ms: number): Promise<string[]> {
  return new Promise((resolve) => {
    const writer = spawn(process.execPath, ["test/cli/spool-writer.ts", path, prefix]);
    let output = "";
    writer.stdout.on("data", (chunk) => {
      if (output === "") setTimeout(() => writer.kill("SIGKILL"), afterFirst_ms);
      output += String(chunk);
    });
    // A last line that is cut off was kept, but not said to be.
    writer.on("close", () => resolve(output.split("\n").slice(0, -1)));
  });
}

test("a file in a folder that cannot be made is refused at once", ({ expect }) => {
  for (const path of ["/proc/nope/below/spool.db", "/dev/null/spool.db"]) {
    expect(() => new Spool(path)).toThrow(/ENOENT|ENOTDIR|unable to open/);
  }
});

async function put(spool: Spool, batch_id: string): Promise<number> {
  return spool.add(await entryNamed(batch_id)).id;
}

test("killed 50 times in the middle of writes, two writers at once, the spool has everything once", async ({
  expect,
}) => {
  const path = join(newFolder(), "spool.db");
  const promised: string[] = [];
  for (let round = 0; round < 25; round++) {
    const writers = [0, 1].map((writer) =>
      killedWriter(path, `r${round}-w${writer}`, Math.random() * 40),
    );
    promised.push(...(await Promise.all(writers)).flat());
  }
  const spool = new Spool(path);
  const kept = spool.list().map(({ batch_id }) => batch_id);
  expect(() => spool.check()).not.toThrow();
  expect(new Set(kept).size).toBe(kept.length);
  expect(promised.filter((batch_id) => !kept.includes(batch_id))).toEqual([]);
  // At most the one write of each writer that was under way when it was killed.
  expect(kept.length - promised.length).toBeLessThanOrEqual(50);
  expect(promised.length).toBeGreaterThan(50);
  // The claims of the dead hold nobody up.
  expect(spool.claim(1_000_000, false).length).toBe(kept.length);
  spool.close();
}, 60_000);

/** The table as the clients of version 0.1.0 made it, with the body in the middle. */
const OLD_TABLE = `
  CREATE TABLE uploads (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    stream TEXT NOT NULL,
    batch_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    source TEXT NOT NULL,
    rows INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    body BLOB NOT NULL,
    state TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'refused')),
    attempts INTEGER NOT NULL DEFAULT 0,
    last_status INTEGER,
    last_error TEXT,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),
    claimed_by TEXT,
    claimed_until INTEGER,
    UNIQUE (stream, batch_id, digest)
  ) STRICT`;

test("the body is the last column, so that no look at a state reads it", ({ expect }) => {
  const path = join(newFolder(), "spool.db");
  new Spool(path).close();
  const db = new DatabaseSync(path);
  const columns = db.prepare("SELECT name FROM pragma_table_info('uploads')").all();
  db.close();
  expect(columns.at(-1)).toEqual({ name: "body" });
});

test("a spool of an older client, with its body in the middle, is used as it is", async ({
  expect,
}) => {
  const path = join(newFolder(), "spool.db");
  const db = new DatabaseSync(path);
  db.exec(OLD_TABLE);
  db.close();
  const spool = new Spool(path);
  expect(() => spool.check()).not.toThrow();
  const id = await put(spool, "a");
  spool.setBack(id, { state: "waiting", attempts: 1, status: 503, reason: "503 busy" });
  expect(spool.claim(10, false)).toMatchObject([{ id, batch_id: "a", last_error: "503 busy" }]);
  expect(spool.body(id)).toEqual(new Uint8Array((await entryNamed("a")).body));
  expect([spool.remove(id), spool.list()]).toEqual([true, []]);
});

test("the same upload twice is kept once", async ({ expect }) => {
  const spool = new Spool(join(newFolder(), "spool.db"));
  expect(await put(spool, "a")).toBe(await put(spool, "a"));
  expect(spool.list().length).toBe(1);
});

test("what a living process has claimed is not given to another", async ({ expect }) => {
  const path = join(newFolder(), "spool.db");
  const spool = new Spool(path);
  const id = await put(spool, "a");
  expect(spool.claim(10, false)).toEqual([]);
  spool.release();
  expect(spool.claim(10, false)).toMatchObject([{ id }]);
});

test("what was refused for good is claimed only where it is asked for", async ({ expect }) => {
  const spool = new Spool(join(newFolder(), "spool.db"));
  const id = await put(spool, "a");
  spool.setBack(id, { state: "refused", attempts: 1, status: 409, reason: "409 conflict" });
  expect([spool.claim(10, false), spool.claim(10, true)]).toMatchObject([[], [{ id }]]);
});

test("what waits is claimed before what was refused, however old", async ({ expect }) => {
  const spool = new Spool(join(newFolder(), "spool.db"));
  const refused = [await put(spool, "a"), await put(spool, "b")];
  for (const id of refused) {
    spool.setBack(id, { state: "refused", attempts: 1, status: 404, reason: "404 Not Found" });
  }
  const waiting = [await put(spool, "c"), await put(spool, "d")];
  spool.release();
  const first = spool.claim(3, false);
  expect(first.map(({ id }) => id)).toEqual([...waiting, refused[0]]);
  expect(spool.claim(3, false, first.at(-1)).map(({ id }) => id)).toEqual([refused[1]]);
});

test.for([
  ["the token's sake", 401],
  ["the sake of what stands before the service", null],
  ["the address's sake, with a page", 200],
  ["the address's sake, with nothing", 204],
  ["the address's sake, with a redirect", 308],
] as const)("a refusal for %s is claimed again", async ([, status], { expect }) => {
  const spool = new Spool(join(newFolder(), "spool.db"));
  const id = await put(spool, "a");
  spool.setBack(id, { state: "refused", attempts: 1, status, reason: "no" });
  expect(spool.claim(10, false)).toMatchObject([{ id }]);
});
