import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { test } from "vitest";
import { Spool } from "../../cli/spool/spool.ts";
import { newFolder } from "../folder.ts";
import { run, start, writeUploads } from "./bundle.ts";
import { openAnsweringFront, openFront, openSilentFront, PENDING, WRITTEN } from "./front.ts";
import { waitingSpool } from "./spools.ts";
import { uploadNamed } from "./uploads.ts";

const FAILED = { status: 500, text: "" };
const TAKEN = { status: 202, text: PENDING };
const DONE = { status: 200, text: WRITTEN };

function postedTo(front: { asked: { method: string; batch_id: string }[] }): Set<string> {
  const posts = front.asked.filter(({ method }) => method === "POST");
  return new Set(posts.map(({ batch_id }) => batch_id));
}

/** What `spool list` tells of a spool. */
async function listed(path: string) {
  const { stdout } = await run(["spool", "list", "--json"], { MILLRACE_SPOOL: path });
  const entries: {
    batch_id: string;
    state: string;
    claimed: boolean;
    last_error: string | null;
  }[] = JSON.parse(stdout);
  return entries;
}

test("with --wait, uploads that are not written yet hold up none of the others", async ({
  expect,
}) => {
  const folder = newFolder();
  writeUploads(folder, "u", 30);
  const front = await openFront(({ method }) =>
    method === "GET" && postedTo(front).size === 30 ? DONE : TAKEN,
  );
  const settings = { MILLRACE_SPOOL: join(folder, "spool.db"), MILLRACE_URL: front.url };
  const args = ["upload", `${folder}/*.json`, "--wait", "--deadline", "30"];
  const { code, stdout } = await run(args, settings);
  front.close();
  expect([code, stdout]).toEqual([0, "30 written\n"]);
});

test("uploads that fail hold up none of the others, though they are the oldest", async ({
  expect,
}) => {
  const old = new Set(Array.from({ length: 16 }, (_, index) => `u-${index}`));
  const front = await openFront(({ batch_id }) =>
    old.has(batch_id) && postedTo(front).size < 40 ? FAILED : { ...DONE, status: 201 },
  );
  const settings = { MILLRACE_SPOOL: await waitingSpool(40), MILLRACE_URL: front.url };
  const { code, stdout } = await run(["flush", "--deadline", "40"], settings);
  front.close();
  expect([code, stdout]).toEqual([0, "40 written\n"]);
});

test("one that fails does not keep flush from what comes after the first thousand", async ({
  expect,
}) => {
  const front = await openFront(({ batch_id }) =>
    batch_id === "u-0" && postedTo(front).size < 1_100 ? FAILED : { ...DONE, status: 201 },
  );
  const settings = { MILLRACE_SPOOL: await waitingSpool(1_100), MILLRACE_URL: front.url };
  const args = ["flush", "--deadline", "50", "--rate", "5000", "--concurrency", "32"];
  const { code, stdout } = await run(args, settings);
  front.close();
  expect([code, stdout]).toEqual([0, "1100 written\n"]);
});

test("asking whether a batch is written keeps to the rate as well", async ({ expect }) => {
  const asked = new Map<string, number>();
  const front = await openFront(({ method, batch_id }) => {
    if (method === "GET") asked.set(batch_id, (asked.get(batch_id) ?? 0) + 1);
    return (asked.get(batch_id) ?? 0) < 3 ? TAKEN : DONE;
  });
  const folder = newFolder();
  writeUploads(folder, "u", 12);
  const settings = { MILLRACE_SPOOL: join(folder, "spool.db"), MILLRACE_URL: front.url };
  const args = ["upload", `${folder}/*.json`, "--wait", "--rate", "10"];
  const { stdout } = await run(args, settings);
  front.close();
  expect([stdout, front.asked.length]).toEqual(["12 written\n", 48]);
  const [first, last] = [front.asked[0]?.at ?? 0, front.asked.at(-1)?.at ?? 0];
  // 47 tenths of a second, but for the time that the first took to arrive.
  expect(last - first).toBeGreaterThan(3_500);
});

test("an answer that breaks off does not end the wait", async ({ expect }) => {
  const front = await openFront(({ method }) => {
    if (method === "POST") return TAKEN;
    return { ...DONE, breaks: front.asked.length < 4 };
  });
  const settings = { MILLRACE_SPOOL: join(newFolder(), "spool.db"), MILLRACE_URL: front.url };
  const { code, stdout } = await run(["upload", "-", "--wait"], settings, uploadNamed("a").text);
  front.close();
  expect([code, stdout, front.asked.length]).toEqual([0, "1 written\n", 4]);
});

test("what was never tried keeps its state and its reason", async ({ expect }) => {
  const path = await waitingSpool(3);
  const db = new DatabaseSync(path);
  db.exec(`UPDATE uploads SET last_status = 503, last_error = '503 busy' WHERE id = 2;
    UPDATE uploads SET state = 'refused', last_status = 401, last_error = '401 no' WHERE id = 3`);
  db.close();
  let ask = () => {};
  const asked = new Promise<void>((resolve) => (ask = resolve));
  const silent = await openSilentFront(ask);
  const settings = { MILLRACE_SPOOL: path, MILLRACE_URL: silent.url };
  const { child, ended } = start(["flush", "--concurrency", "1", "--json"], settings);
  await asked;
  child.kill("SIGINT");
  const { code, stdout } = await ended;
  silent.close();
  const interrupted = { state: "waiting", attempts: 1, last_error: "interrupted by SIGINT" };
  expect([code, await listed(path)]).toMatchObject([
    130,
    [
      interrupted,
      { state: "waiting", attempts: 0, last_status: 503, last_error: "503 busy" },
      { state: "refused", attempts: 0, last_status: 401, last_error: "401 no" },
    ],
  ]);
  const { uploads }: { uploads: object[] } = JSON.parse(stdout);
  expect(uploads).toHaveLength(3);
  expect(uploads).toContainEqual(
    expect.objectContaining({ batch_id: "u-2", state: "refused", reason: "401 no" }),
  );
});

test("an upload leaves older ones to others while its input is still open", async ({ expect }) => {
  const path = await waitingSpool(3);
  const file = join(newFolder(), "a.json");
  writeFileSync(file, uploadNamed("a").text);
  const front = await openAnsweringFront(201, WRITTEN);
  const settings = { MILLRACE_SPOOL: path, MILLRACE_URL: front.url };
  const { child, ended } = start(["upload", file, "-"], settings);
  await expect.poll(() => front.posted, { timeout: 40_000 }).toEqual(["a"]);
  const waiting = (await listed(path)).filter(({ batch_id }) => batch_id !== "a");
  expect(waiting).toMatchObject([{ claimed: false }, { claimed: false }, { claimed: false }]);
  child.stdin?.end(uploadNamed("b").text);
  expect(await ended).toMatchObject({ code: 0, stdout: "5 written\n" });
  front.close();
  expect(front.posted.slice(0, 2)).toEqual(["a", "b"]);
});

test.for([
  ["before it was sent", 2],
  ["before it was sent again", 1],
] as const)("an upload that is dropped %s is not called pending", async ([, id], { expect }) => {
  const path = await waitingSpool(2);
  const front = await openFront(({ batch_id }) => {
    const spool = new Spool(path);
    spool.remove(id);
    spool.close();
    return batch_id === "u-0" && id === 1 ? FAILED : { ...DONE, status: 201 };
  });
  const settings = { MILLRACE_SPOOL: path, MILLRACE_URL: front.url };
  const { code, stdout } = await run(["flush", "--concurrency", "1"], settings);
  front.close();
  expect([code, stdout, front.asked.length]).toEqual([0, "1 written, 1 gone\n", 3 - id]);
});

test("a service whose limit is lower than the client's is told apart, with what to do", async ({
  expect,
}) => {
  const problem = JSON.stringify({ title: "too large", detail: "The body has more than 9 bytes." });
  const front = await openAnsweringFront(413, problem);
  const path = join(newFolder(), "spool.db");
  const settings = { MILLRACE_SPOOL: path, MILLRACE_URL: front.url };
  const { stderr } = await run(["upload", "-"], settings, uploadNamed("a").text);
  front.close();
  expect(stderr).toMatch(/413 The body has more than 9 bytes\. \(.* MAX_UPLOAD_BYTES /);
});
