import { DatabaseSync } from "node:sqlite";
import { join } from "node:path";
import { afterAll, beforeAll, test } from "vitest";
import { differences, openLocalD1 } from "../../scripts/local-d1.ts";
import { type LocalServer, startServer } from "../../scripts/local-server.ts";
import { newFolder } from "../folder.ts";
import { run, start } from "./bundle.ts";
import { openRelay } from "./front.ts";
import { uploadNamed } from "./uploads.ts";

const state = newFolder();
let service: LocalServer | undefined;

beforeAll(async () => {
  service = await startServer(state);
}, 120_000);
afterAll(() => service?.kill());

function operator() {
  return {
    MILLRACE_URL: service?.url ?? "",
    MILLRACE_TOKEN: "dev-admin-token",
    MILLRACE_SPOOL: join(newFolder(), "spool.db"),
  };
}

/** Makes the database refuse every run, or take them again. */
function poison(on: boolean): void {
  const db = new DatabaseSync(openLocalD1(state)[0]?.location() ?? "");
  db.exec("PRAGMA busy_timeout = 5000");
  db.exec(
    on
      ? `CREATE TRIGGER poison BEFORE INSERT ON batch_runs
         BEGIN SELECT RAISE(ABORT, 'CHECK constraint failed: poisoned'); END`
      : "DROP TRIGGER poison",
  );
  db.close();
}

test("dead batches are listed, replayed after a plan and a yes, slowly, and stopped between any two", async ({
  expect,
}) => {
  const settings = operator();
  const uploads = Array.from({ length: 12 }, (_, index) => uploadNamed(`dead-${index}`));
  const lines = uploads.map(({ text }) => text).join("\n");
  poison(true);
  const sent = await run(["upload", "-", "--wait"], settings, lines);
  expect([sent.code, sent.stdout]).toEqual([0, "12 dead\n"]);
  expect((await run(["status", "dead-0"], settings)).code).toBe(1);

  const listed = await run(["dead", "list", "--json", "--limit", "3"], settings);
  const { dead_letters, total } = JSON.parse(listed.stdout);
  expect([dead_letters.length, total]).toEqual([3, 12]);
  const shown = await run(["dead", "show", "dead-3"], settings);
  expect(JSON.parse(shown.stdout).batch.batch_id).toBe("dead-3");

  poison(false);
  expect((await run(["dead", "replay"], settings)).code).toBe(2);
  const plan = await run(["dead", "replay", "--all"], settings);
  expect([plan.code, plan.stderr]).toEqual([
    2,
    "Plan: replay 12 dead letters (batch-metrics: 12).\n",
  ]);
  const nothing = await run(["dead", "replay", "--since", "0s", "--yes"], settings);
  expect([nothing.code, nothing.stdout]).toEqual([0, "0 replayed\n"]);

  const dropped = await run(["dead", "drop", "dead-0", "absent", "--yes"], settings);
  expect([dropped.code, dropped.stdout]).toEqual([1, "1 dropped\n"]);

  const slow = ["dead", "replay", "--reason", "poisoned", "--yes", "--rate", "4"];
  const relay = await openRelay(() => service?.url);
  const { child, ended } = start(slow, { ...settings, MILLRACE_URL: relay.url });
  await expect.poll(() => relay.count("/replay "), { timeout: 40_000 }).toBeGreaterThan(1);
  child.kill("SIGINT");
  const stopped = await ended;
  relay.close();
  expect([stopped.code, stopped.stdout]).toEqual([
    130,
    expect.stringMatching(/^[1-9]\d* replayed, [1-9]\d* left as they were\n$/),
  ]);
  const rest = await run(["dead", "replay", "--all", "--yes"], settings);
  expect(rest.code, rest.stderr).toBe(0);
  await expect
    .poll(() => differences(openLocalD1(state), uploads.slice(1)), { timeout: 20_000 })
    .toEqual([]);
});
