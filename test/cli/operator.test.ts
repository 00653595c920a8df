import { join } from "node:path";
import { test } from "vitest";
import { newFolder } from "../folder.ts";
import { run, start } from "./bundle.ts";
import { openFront, openSilentFront } from "./front.ts";

const letter = (batch_id: string, stream = "batch-metrics") => ({
  stream,
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
    dead_letters: ["a", "b", "c"].map((batch_id) => letter(batch_id)),
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

/** A service that has these dead letters, by stream and name. */
function openLetters(...names: string[]) {
  return openFront(({ method, path }) => {
    const [, , stream = "", batch_id = ""] = path.split("/");
    if (!names.includes(`${stream}/${batch_id}`)) return { status: 404, text: '{"title":"none"}' };
    const text = JSON.stringify({ ...letter(batch_id, stream), batch: {} });
    return method === "GET" ? { status: 200, text } : { status: 202, text: "{}" };
  });
}

test("a dead batch that is named is found in whichever stream it is", async ({ expect }) => {
  const front = await openLetters("executions/e", "batch-metrics/b");
  const settings = operator(front.url);
  const shown = await run(["dead", "show", "e"], settings);
  expect([shown.code, JSON.parse(shown.stdout).stream]).toEqual([0, "executions"]);
  const replayed = await run(["dead", "replay", "e", "b", "--yes"], settings);
  expect([replayed.code, replayed.stdout, replayed.stderr]).toEqual([
    0,
    "2 replayed\n",
    "Plan: replay 2 dead letters (executions: 1, batch-metrics: 1).\n",
  ]);
  const elsewhere = await run(
    ["dead", "drop", "e", "--stream", "batch-metrics", "--yes"],
    settings,
  );
  expect([elsewhere.code, elsewhere.stdout]).toEqual([1, "0 dropped\n"]);
  expect(elsewhere.stderr).toContain("e is not among the dead letters of batch-metrics.\n");
  const absent = await run(["dead", "show", "absent"], settings);
  front.close();
  expect([absent.code, absent.stderr]).toEqual([
    1,
    "error: absent is not among the dead letters of batch-metrics, executions.\n",
  ]);
});

test("a dead batch is found in a stream that only the service knows, where that is named", async ({
  expect,
}) => {
  const front = await openLetters("releases/r");
  const args = ["dead", "replay", "r", "--stream", "releases", "--yes"];
  const { code, stdout } = await run(args, operator(front.url));
  front.close();
  expect([code, stdout]).toEqual([0, "1 replayed\n"]);
});

test("a name that is dead in two streams means neither until one is named", async ({ expect }) => {
  const front = await openLetters("executions/x", "batch-metrics/x");
  const settings = operator(front.url);
  for (const act of [["show"], ["drop", "--yes"]]) {
    const { code, stderr } = await run(["dead", ...act, "x"], settings);
    const fault =
      "error: x is among the dead letters of batch-metrics and executions: give --stream.";
    expect([code, stderr]).toEqual([2, `${fault}\n`]);
  }
  const args = ["dead", "drop", "x", "--stream", "executions", "--yes"];
  const { code, stdout } = await run(args, settings);
  front.close();
  expect([code, stdout]).toEqual([0, "1 dropped\n"]);
  const deleted = front.asked.filter(({ method }) => method === "DELETE");
  expect(deleted.map(({ path }) => path)).toEqual(["/dead-letters/executions/x"]);
});

test.for([[["--reason", "x"]], [["--since", "2h"]], [["--before", "2h"]], [["--all"]]] as const)(
  "names of dead batches together with %j are refused, and nothing is done",
  async ([filter], { expect }) => {
    const front = await openLetters("batch-metrics/a");
    const args = ["dead", "drop", "a", ...filter, "--yes"];
    const { code, stderr } = await run(args, operator(front.url));
    front.close();
    expect([code, front.asked]).toEqual([2, []]);
    expect(stderr).toContain("Name batches, or give --reason, --since, --before or --all");
  },
);

test("an answer about the dead letters that breaks off is asked for again", async ({ expect }) => {
  const front = await openFront(() => ({ ...LISTED, breaks: front.asked.length < 2 }));
  const { code, stdout } = await run(["dead", "list"], operator(front.url));
  front.close();
  expect([code, stdout]).toEqual([0, expect.stringMatching(/3 dead batches\n$/)]);
});

test.for([
  [["status", "b"]],
  [["dead", "list"]],
  [["dead", "show", "b"]],
  [["dead", "replay", "b"]],
  [["dead", "drop", "b"]],
] as const)(
  "%j says that an address which answers with a page is none of Millrace",
  async ([args], { expect }) => {
    for (const [status, words] of [
      [200, "200"],
      [404, "404 Not Found"],
    ] as const) {
      const page = await openFront(() => ({ status, text: "<html></html>" }));
      const { code, stdout, stderr } = await run([...args, "--json"], operator(page.url));
      page.close();
      const error = `${words}, but it is no answer of Millrace: is the address right?`;
      expect([code, stderr, JSON.parse(stdout)]).toEqual([1, `error: ${error}\n`, { error }]);
    }
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
