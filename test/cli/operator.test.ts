import { join } from "node:path";
import { test } from "vitest";
import { newFolder } from "../folder.ts";
import { run, start } from "./bundle.ts";
import { openFront, openSilentFront } from "./front.ts";

const letter = (batch_id: string) => ({
  stream: "batch-metrics",
  batch_id,
  reason: "poisoned",
  attempts: 1,
  rows: 1,
  bytes: 9,
  accepted_at: "2026-11-20T12:00:00Z",
  died_at: "2026-11-20T12:00:00Z",
  replays: 0,
  replayed_at: null,
});

const LISTED = {
  status: 200,
  text: JSON.stringify({
    dead_letters: ["a", "b", "c"].map(letter),
    total: 3,
    next_cursor: null,
  }),
};

function operator(url: string) {
  return { MILLRACE_URL: url, MILLRACE_TOKEN: "t", MILLRACE_SPOOL: join(newFolder(), "spool.db") };
}

const BUSY = { status: 503, text: '{"title":"busy"}', headers: { "Retry-After": "60" } };

test.for([
  [["list"], "SIGINT", 130],
  [["show", "a"], "SIGTERM", 143],
  [["replay", "--all", "--yes"], "SIGINT", 130],
  [["drop", "a", "--yes"], "SIGTERM", 143],
] as const)(
  "dead %j that %s ends while it asks, or waits to ask again, ends with %d",
  async ([args, signal, expected], { expect }) => {
    for (const busy of [false, true]) {
      let ask = () => {};
      const asked = new Promise<void>((resolve) => (ask = resolve));
      const front = busy
        ? await openFront(() => {
            ask();
            return BUSY;
          })
        : await openSilentFront(ask);
      const { child, ended } = start(["dead", ...args], operator(front.url));
      await asked;
      // The answer has to arrive: that it did cannot be seen from here.
      if (busy) await new Promise((resolve) => setTimeout(resolve, 300));
      child.kill(signal);
      const { code, stderr } = await ended;
      front.close();
      expect([code, stderr]).toEqual([expected, `error: interrupted by ${signal}\n`]);
    }
  },
);

test.for(["replay", "drop"] as const)(
  "dead %s that fails midway tells what it did",
  async (verb, { expect }) => {
    const front = await openFront(({ method, path }) => {
      if (method === "GET") return LISTED;
      const failing = /\/b(\/|$)/.test(path);
      return failing ? { status: 403, text: '{"title":"no"}' } : { status: 200, text: "{}" };
    });
    const settings = operator(front.url);
    const act = ["dead", verb, "--all", "--yes"];
    const past = verb === "replay" ? "replayed" : "dropped";
    const { code, stdout, stderr } = await run(act, settings);
    expect([code, stdout]).toEqual([1, `1 ${past}, 2 left as they were\n`]);
    expect(stderr).toContain("error: batch-metrics b: 403 no\n");
    const told = await run([...act, "--json"], settings);
    front.close();
    expect([told.code, JSON.parse(told.stdout)]).toMatchObject([
      1,
      { planned: 3, done: 1, left: 2, error: "batch-metrics b: 403 no" },
    ]);
  },
);

test("an answer about the dead letters that breaks off is asked for again", async ({ expect }) => {
  const front = await openFront(() => ({ ...LISTED, breaks: front.asked.length < 2 }));
  const { code, stdout } = await run(["dead", "list"], operator(front.url));
  front.close();
  expect([code, stdout]).toEqual([0, expect.stringMatching(/3 dead batches\n$/)]);
});

test.for([[["status", "b"]], [["dead", "list"]], [["dead", "show", "b"]]] as const)(
  "%j says that an address which answers with a page is none of Millrace",
  async ([args], { expect }) => {
    const page = await openFront(() => ({ status: 200, text: "<html></html>" }));
    const { code, stdout, stderr } = await run([...args, "--json"], operator(page.url));
    page.close();
    const error = "200, but it is no answer of Millrace: is the address right?";
    expect([code, stderr, JSON.parse(stdout)]).toEqual([1, `error: ${error}\n`, { error }]);
  },
);

test("doctor does not take a busy service's word about the token", async ({ expect }) => {
  const health = { status: "ok", version: "0.1.0", time: new Date().toISOString() };
  const front = await openFront(({ path }) =>
    path === "/healthz" ? { status: 200, text: JSON.stringify(health) } : BUSY,
  );
  const { code, stdout } = await run(["doctor"], operator(front.url));
  front.close();
  expect([code, stdout]).toEqual([
    1,
    expect.stringMatching(/fault +token +could not be tried: 503 busy/),
  ]);
});

test("status tells how a batch stands, as the service has it", async ({ expect }) => {
  const dead = { batch_id: "b", status: "dead", reason: "no", replays: 7 };
  const front = await openFront(() => ({ status: 200, text: JSON.stringify(dead) }));
  const settings = operator(front.url);
  const [plain, json] = [
    await run(["status", "b"], settings),
    await run(["status", "b", "--json"], settings),
  ];
  front.close();
  expect([plain.code, plain.stdout]).toEqual([1, "b is dead: no\n"]);
  expect([json.code, JSON.parse(json.stdout)]).toEqual([1, dead]);
});
