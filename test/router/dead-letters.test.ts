import { env } from "cloudflare:workers";
import { beforeEach, describe, test } from "vitest";
import { shardOf } from "../../src/durable/shards.ts";
import {
  admin,
  ask,
  batch,
  count,
  execution,
  post,
  result,
  untilStatus,
  upload,
  withEnv,
} from "../client.ts";
import { faults } from "../faults.ts";
import { type Heal, poison, refuseRows } from "../faulty-database.ts";
import { ledgerWhere } from "../faulty-ledger.ts";

interface List {
  dead_letters: {
    stream: string;
    batch_id: string;
    died_at: string;
    replays: number;
    replayed_at: string | null;
  }[];
  total: number;
  next_cursor: string | null;
}

async function list(query = ""): Promise<List> {
  const response = await ask(`/dead-letters${query}`, "admin");
  if (!response.ok) throw new Error(await response.text());
  return response.json();
}

let heal: Heal;

/** Every batch with a recipe named "poison" dies at its first attempt. */
beforeEach(async () => {
  heal = await poison();
  await refuseRows("executions", { when: "NEW.model = 'poison'", reason: "bad model" });
});

const dying = (batch_id: string) =>
  batch({ batch_id, results: [result({ recipe_name: "poison" })] });

test("a dead letter is listed and read, with its reason and its body as it could be posted", async ({
  expect,
}) => {
  await post(dying("run-1"));
  const { dead_letters, total } = await list();
  expect(total).toBe(1);
  expect(dead_letters[0]).toMatchObject({
    stream: "batch-metrics",
    batch_id: "run-1",
    reason: expect.stringContaining("poisoned recipe"),
    attempts: 1,
    rows: 1,
    replays: 0,
    replayed_at: null,
  });
  const response = await ask("/dead-letters/batch-metrics/run-1", "admin");
  const { batch: body } = await response.json<{ batch: object }>();
  expect(body).toMatchObject(dying("run-1"));
  await heal();
  // It can be posted as it stands: the same batch.
  expect((await post(body)).headers.get("Idempotent-Replayed")).toBe("true");
});

test("a message that was cut is cut no further when its dead letter is posted", async ({
  expect,
}) => {
  const error_message = "long ".repeat(4_000);
  await post(batch({ results: [result({ recipe_name: "poison", error_message })] }));
  const response = await ask("/dead-letters/batch-metrics/run-1", "admin");
  const { batch: body } = await response.json<{ batch: object }>();
  await heal();
  const again = await post(body);
  expect([again.status, again.headers.get("Idempotent-Replayed")]).toEqual([201, "true"]);
});

test("the list goes over all shards, newest first, a page at a time", async ({ expect }) => {
  const ids = Array.from({ length: 25 }, (_, index) => `run-${index}`);
  for (const id of ids) await post(dying(id));
  const pages: List[] = [];
  for (
    let cursor: string | null = "";
    cursor !== null;
    cursor = pages.at(-1)?.next_cursor ?? null
  ) {
    pages.push(await list(`?limit=10${cursor && `&cursor=${encodeURIComponent(cursor)}`}`));
  }
  expect(pages.map(({ dead_letters }) => dead_letters.length)).toEqual([10, 10, 5]);
  const all = pages.flatMap(({ dead_letters }) => dead_letters);
  expect(new Set(all.map(({ batch_id }) => batch_id))).toEqual(new Set(ids));
  const times = all.map(({ died_at }) => died_at);
  expect(times).toEqual(times.toSorted().toReversed());
});

describe("with dead letters of two streams", () => {
  beforeEach(async () => {
    await post(dying("run-1"));
    await post(dying("run-2"));
    await post(
      { batch_id: "e-1", records: [execution({ model: "poison" })] },
      { path: "/executions" },
    );
  });

  test("they are filtered by stream, reason and time", async ({ expect }) => {
    expect((await list("?stream=executions")).total).toBe(1);
    expect((await list("?reason=POISONED")).total).toBe(2);
    expect((await list("?since=2020-01-01T00:00:00Z")).total).toBe(3);
    expect((await list("?before=2020-01-01T00:00:00Z")).total).toBe(0);
  });

  test("those of a filter are replayed, and the others stay", async ({ expect }) => {
    await heal();
    const response = await admin("POST /dead-letters/replay", {
      stream: "batch-metrics",
      reason: "poison",
    });
    expect([response.status, await response.json()]).toEqual([202, { replayed: 2, left: 0 }]);
    await untilStatus("written", "/batch-metrics/run-1");
    await untilStatus("written", "/batch-metrics/run-2");
    expect((await list()).total).toBe(1);
    expect(await count("recipe_results")).toBe(2);
  });

  test("all are replayed, as many as the limit allows, and the answer says what is left", async ({
    expect,
  }) => {
    // None of them dies again meanwhile.
    faults.queue = "loses";
    const first = await admin("POST /dead-letters/replay", { limit: 2 });
    expect(await first.json()).toEqual({ replayed: 2, left: 1 });
    const second = await admin("POST /dead-letters/replay");
    expect(await second.json()).toEqual({ replayed: 1, left: 0 });
  });

  test("a filter in the address, where a list has it, replays nothing and is refused", async ({
    expect,
  }) => {
    const response = await admin("POST /dead-letters/replay?stream=executions");
    expect(response.status).toBe(400);
    expect(await response.json()).toMatchObject({ detail: expect.stringContaining("body") });
    expect((await list()).total).toBe(3);
  });
});

test("a batch that dies again says how often and when it was replayed", async ({ expect }) => {
  await post(dying("run-1"));
  expect((await admin("POST /dead-letters/batch-metrics/run-1/replay")).status).toBe(202);
  const dead = await untilStatus("dead");
  expect(dead).toMatchObject({ replays: 1, replayed_at: expect.stringMatching(/^20/) });
  expect((await list()).dead_letters[0]).toMatchObject({
    replays: 1,
    replayed_at: dead["replayed_at"],
  });
});

test("a replayed batch keeps its batch_id, so posting it again is still a duplicate", async ({
  expect,
}) => {
  await post(dying("run-1"));
  await heal();
  await admin("POST /dead-letters/batch-metrics/run-1/replay");
  await untilStatus("written");
  const again = await post(dying("run-1"));
  expect([again.status, again.headers.get("Idempotent-Replayed")]).toEqual([201, "true"]);
  expect((await post(batch())).status).toBe(409);
  expect(await count("batch_runs")).toBe(1);
});

test("a dropped batch is gone, and its batch_id is free", async ({ expect }) => {
  await post(dying("run-1"));
  expect((await admin("DELETE /dead-letters/batch-metrics/run-1")).status).toBe(204);
  expect((await list()).total).toBe(0);
  expect((await ask("/batch-metrics/run-1")).status).toBe(404);
  expect((await post(batch())).status).toBe(201);
});

test("a written batch is no dead letter: it is not replayed, read or dropped", async ({
  expect,
}) => {
  await post(batch());
  expect((await admin("POST /dead-letters/batch-metrics/run-1/replay")).status).toBe(404);
  expect((await admin("DELETE /dead-letters/batch-metrics/run-1")).status).toBe(404);
  expect((await admin("GET /dead-letters/batch-metrics/run-1")).status).toBe(404);
  expect((await admin("GET /dead-letters/nothing/run-1")).status).toBe(404);
  expect(await count("batch_runs")).toBe(1);
});

test.for([
  "?limit=0",
  "?limit=501",
  "?limit=x",
  "?cursor=x",
  "?since=yesterday",
  "?stream=x",
  "?color=red",
])("the query %s is refused, and says what is wrong", async (query, { expect }) => {
  const response = await ask(`/dead-letters${query}`, "admin");
  expect(response.status).toBe(400);
  expect((await response.json<{ detail: string }>()).detail).toMatch(
    /limit|cursor|since|stream|color/,
  );
});

test("a filter that is no JSON, or no filter, replays nothing", async ({ expect }) => {
  await post(dying("run-1"));
  for (const filter of ["{", "[]", '{"reasons":"x"}', '{"limit":0}', '{"stream":7}']) {
    const response = await ask("/dead-letters/replay", "admin", {
      method: "POST",
      body: filter,
    });
    expect(response.status).toBe(400);
  }
  expect((await list()).total).toBe(1);
});

describe("when the answer of the ledger is lost", () => {
  /** The ledger, which does what it is asked by that method, and whose first answer to it is lost. */
  const losing = (lost: string) => {
    let calls = 0;
    const LEDGER = ledgerWhere(lost, async (call) => {
      const answer = await call();
      calls += 1;
      if (calls > 1) return answer;
      throw Object.assign(new Error("Network connection lost"), { retryable: true });
    });
    return { LEDGER };
  };

  /** In the shard that is asked first. */
  const id = Array.from({ length: 100 }, (_, index) => `run-${index}`).find(
    (each) => shardOf(env, `batch-metrics/${each}`) === 0,
  );

  test.for([
    ["POST", `/dead-letters/batch-metrics/${id}/replay`, "replay"],
    ["POST", "/dead-letters/replay", "replayAll"],
    ["DELETE", `/dead-letters/batch-metrics/${id}`, "drop"],
  ] as const)(
    "%s %s says that it may have been done, and not that it was not",
    async ([method, path, call], { expect }) => {
      await post(dying(String(id)));
      await heal();
      const headers = { Authorization: "Bearer test-admin-token" };
      const answer = await withEnv(losing(call), path, { method, headers });
      expect([answer.status, answer.headers.get("Retry-After")]).toEqual([503, "5"]);
      expect(await answer.text()).toContain("It may have done this");
      expect((await list()).total).toBe(0);
    },
  );

  test("refused uploads are counted no second time", async ({ expect }) => {
    const ledger = losing("countRejected");
    await withEnv(ledger, "/batch-metrics", upload("{"));
    const headers = { Authorization: "Bearer test-read-token" };
    await withEnv(ledger, "/ledger", { headers });
    const totals = await (await ask("/ledger")).json();
    expect(totals).toMatchObject({
      streams: { "batch-metrics": { rejected: { "invalid-batch": 1 } } },
    });
  });
});
