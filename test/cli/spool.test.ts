import { spawn } from "node:child_process";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "vitest";
import { type Reach, Spool } from "../../cli/spool/spool.ts";
import { newFolder } from "../folder.ts";
import { entryNamed } from "./uploads.ts";

const [A, B] = ["https://a.example", "https://b.example"] as const;

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

test("the body is the last column, so that no look at a state reads it", ({ expect }) => {
  const path = join(newFolder(), "spool.db");
  new Spool(path).close();
  const db = new DatabaseSync(path);
  const columns = db.prepare("SELECT name FROM pragma_table_info('uploads')").all();
  db.close();
  expect(columns.at(-1)).toEqual({ name: "body" });
});

test("the same upload twice is kept once", async ({ expect }) => {
  const spool = new Spool(join(newFolder(), "spool.db"));
  expect(await put(spool, "a")).toBe(await put(spool, "a"));
  expect(spool.list().length).toBe(1);
});

test("the same upload for two addresses is kept for each", async ({ expect }) => {
  const path = join(newFolder(), "spool.db");
  for (const address of [A, B, B]) {
    const spool = new Spool(path, { address });
    await put(spool, "a");
    spool.close();
  }
  const kept = new Spool(path).list();
  expect(kept.map(({ address, batch_id }) => [address, batch_id])).toEqual([
    [A, "a"],
    [B, "a"],
  ]);
});

test("for an address only its own uploads are claimed, and those for none", async ({ expect }) => {
  const path = join(newFolder(), "spool.db");
  for (const address of [A, B, ""]) {
    const spool = new Spool(path, { address });
    await put(spool, "a");
    spool.close();
  }
  const claimed = (reach: Reach) => {
    const spool = new Spool(path, reach);
    const [read, claims] = [spool.read(10, false), spool.claim(10, false)];
    spool.close();
    expect(read.map(({ id }) => id)).toEqual(claims.map(({ id }) => id));
    return claims.map(({ address }) => address);
  };
  expect(claimed({ address: A })).toEqual([A, ""]);
  expect(claimed({ address: B })).toEqual([B, ""]);
  expect(claimed({ address: "" })).toEqual([""]);
  expect(claimed({ address: B, from: [A] })).toEqual([A, B, ""]);
});

test("everything kept is counted once, and what was refused for good is sent to no other address", async ({
  expect,
}) => {
  const path = join(newFolder(), "spool.db");
  const spool = new Spool(path, { address: A });
  const [, token, conflict] = [await put(spool, "a"), await put(spool, "b"), await put(spool, "c")];
  spool.setBack(token, { state: "refused", attempts: 1, status: 401, reason: "401 no" });
  spool.setBack(conflict, { state: "refused", attempts: 1, status: 409, reason: "409 conflict" });
  spool.close();
  const tally = (reach: Reach) => new Spool(path, reach).tally();
  const own = { waiting: 1, refused: 2, elsewhere: [] };
  expect(tally({ address: A })).toEqual(own);
  expect(tally({ address: B, from: [A] })).toEqual(own);
  const other = { waiting: 0, refused: 1, elsewhere: [{ address: A, uploads: 2 }] };
  expect(tally({ address: B })).toEqual(other);
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
