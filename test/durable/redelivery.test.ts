import { evictAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, test } from "vitest";
import { shardName } from "../../src/durable/shard-name.ts";
import { shardOf } from "../../src/durable/shards.ts";
import { SEND_TIMEOUT_MS } from "../../src/limits.ts";
import {
  admin,
  ask,
  ASYNC,
  batch,
  count,
  execution,
  post,
  rows,
  shardFor,
  untilStatus,
} from "../client.ts";
import { attempts, delivered, faults, withTicketOf } from "../faults.ts";

/** Another batch_id of the same shard. */
function sameShardAs(batch_id: string): string {
  const shard = (id: string) => shardOf(env, `batch-metrics/${id}`);
  const ids = Array.from({ length: 100 }, (_, index) => `${batch_id}-${index}`);
  return ids.find((id) => shard(id) === shard(batch_id)) ?? "";
}

/** Runs SQL in the shard of a batch: time passes faster than the test. */
function inLedger(batch_id: string, text: string) {
  return runInDurableObject(shardFor(batch_id), (_instance, state) =>
    state.storage.sql.exec(text).toArray(),
  );
}

describe("a ticket", () => {
  test("that the queue lost is sent again by the alarm", async ({ expect }) => {
    faults.queue = "loses";
    expect((await post(batch({ batch_id: "lost" }), ASYNC)).status).toBe(202);
    await expect.poll(() => withTicketOf("lost", attempts)).toHaveLength(1);
    faults.queue = "none";
    expect(await (await ask("/batch-metrics/lost")).json()).toMatchObject({ status: "pending" });

    await inLedger("lost", "UPDATE batches SET due_at = 1");
    expect(await runDurableObjectAlarm(shardFor("lost"))).toBe(true);
    await untilStatus("written", "/batch-metrics/lost");
  });

  test("that the queue lost is sent again after the object was evicted", async ({ expect }) => {
    faults.queue = "loses";
    await post(batch({ batch_id: "evicted" }), ASYNC);
    await expect.poll(() => withTicketOf("evicted", attempts)).toHaveLength(1);
    faults.queue = "none";
    await inLedger("evicted", "UPDATE batches SET due_at = 1");
    await evictAllDurableObjects();
    await runDurableObjectAlarm(shardFor("evicted"));
    await untilStatus("written", "/batch-metrics/evicted");
    expect(await count("batch_runs")).toBe(1);
  });

  test.for(["fails", "hangs", "fails-after-sending"] as const)(
    "whose send %s neither blocks nor fails the upload, and is sent soon again",
    async (fault, { expect }) => {
      faults.queue = fault;
      // What was sent all the same is not to be written before it is sent again.
      faults.deliveries = "held";
      const started = Date.now();
      expect((await post(batch({ batch_id: fault }), ASYNC)).status).toBe(202);
      expect(Date.now() - started).toBeLessThan(SEND_TIMEOUT_MS);
      const tries = () => withTicketOf(fault, attempts).length;
      await expect.poll(tries).toBeGreaterThan(0);
      faults.queue = "none";
      await expect.poll(tries).toBeGreaterThan(1);
      faults.deliveries = "none";
      await untilStatus("written", `/batch-metrics/${fault}`);
      expect([await count("batch_runs"), await count("recipe_results")]).toEqual([1, 1]);
    },
  );

  test("that the alarm sends while the first is still under way writes nothing twice", async ({
    expect,
  }) => {
    faults.deliveries = "held";
    await post(batch({ batch_id: "held" }), ASYNC);
    await expect.poll(() => withTicketOf("held", attempts)).toHaveLength(1);
    const due = "UPDATE batches SET due_at = 1 WHERE state = 'pending' RETURNING key";
    expect(await inLedger("held", due)).toHaveLength(1);
    await runDurableObjectAlarm(shardFor("held"));
    await expect.poll(() => withTicketOf("held", attempts)).toHaveLength(2);
    faults.deliveries = "none";
    await expect.poll(() => withTicketOf("held", delivered.flat())).toHaveLength(2);
    await untilStatus("written", "/batch-metrics/held");
    expect([await count("batch_runs"), await count("recipe_results")]).toEqual([1, 1]);
  });
});

describe("the alarm", () => {
  test("is set once for many batches, for the first that is due", async ({ expect }) => {
    faults.queue = "loses";
    const alarmOf = () =>
      runInDurableObject(shardFor("once"), (_instance, state) => state.storage.getAlarm());
    await post(batch({ batch_id: "once" }), ASYNC);
    const [row] = await inLedger("once", "SELECT due_at FROM batches");
    const alarm = await alarmOf();
    expect(alarm).toBeLessThanOrEqual(Number(row?.["due_at"]));
    await post(batch({ batch_id: sameShardAs("once") }), ASYNC);
    expect(await inLedger("once", "SELECT key FROM batches")).toHaveLength(2);
    expect(await alarmOf()).toBe(alarm);
  });

  test("forgets written batches past the retention, and D1 still knows them", async ({
    expect,
  }) => {
    const first = await (await post(batch())).json();
    await inLedger("run-1", "INSERT OR REPLACE INTO notes VALUES ('forget_at', 1)");
    await inLedger("run-1", "UPDATE batches SET settled_at = 0");
    await runDurableObjectAlarm(shardFor("run-1"));
    expect(await inLedger("run-1", "SELECT * FROM batches")).toEqual([]);

    expect(await (await ask("/batch-metrics/run-1")).json()).toMatchObject({
      status: "written",
      batch_run_id: 1,
    });
    expect(await (await post(batch())).json()).toEqual(first);
    expect((await post(batch({ total_recipes: 9 }))).status).toBe(409);
    expect([await count("batch_runs"), await count("recipe_results")]).toEqual([1, 1]);
  });

  test("does not forget what is younger, or dead", async ({ expect }) => {
    await post(batch());
    await inLedger("run-1", "INSERT OR REPLACE INTO notes VALUES ('forget_at', 1)");
    await runDurableObjectAlarm(shardFor("run-1"));
    expect(await inLedger("run-1", "SELECT key FROM batches")).toHaveLength(1);
    await inLedger("run-1", "UPDATE batches SET state = 'dead', settled_at = 0");
    await inLedger("run-1", "INSERT OR REPLACE INTO notes VALUES ('forget_at', 1)");
    await runDurableObjectAlarm(shardFor("run-1"));
    expect(await inLedger("run-1", "SELECT key FROM batches")).toHaveLength(1);
  });
});

test("an old ticket that the queue gives up on does not bury a batch that was replayed since", async ({
  expect,
}) => {
  const shard = shardFor("run-1");
  const attempt = await postAndClaim();
  const { key } = attempt;
  await shard.bury([attempt]);
  expect(await shard.replay(key)).toBe(true);
  await shard.bury([attempt]);
  expect(await shard.status(key)).toMatchObject({ state: "pending", replays: 1 });
  await shard.bury([{ ...attempt, replays: 1 }]);
  expect(await shard.status(key)).toMatchObject({
    state: "dead",
    reason: expect.stringContaining("queue gave up"),
  });
});

test("an old ticket does not bury a batch that was dropped and posted again since either", async ({
  expect,
}) => {
  const shard = shardFor("run-1");
  const first = await postAndClaim();
  const { key } = first;
  await shard.bury([first]);
  expect(await shard.drop(key)).toBe(true);
  const second = await postAndClaim();
  await shard.bury([first]);
  expect(await shard.status(key)).toMatchObject({ state: "pending" });
  await shard.bury([second]);
  expect(await shard.status(key)).toMatchObject({ state: "dead" });
});

/** Posts the batch. @returns what a writer that has claimed it reports of. */
async function postAndClaim() {
  const key = "batch-metrics/run-1";
  faults.queue = "loses";
  await post(batch(), ASYNC);
  const [claim] = await shardFor("run-1").claim([key]);
  if (claim?.state !== "pending") throw new Error("the batch is not pending");
  const { digest, accepted_at, replays } = claim;
  // The next one is accepted in another millisecond.
  await scheduler.wait(2);
  return { key, digest, replays, accepted_at: Date.parse(accepted_at) };
}

describe("a report of an attempt before a replay", () => {
  const key = "batch-metrics/run-1";

  /** What the writer claimed before the batch died another way and was replayed. */
  async function claimBeforeReplay() {
    const shard = shardFor("run-1");
    const attempt = await postAndClaim();
    await shard.bury([attempt]);
    await shard.replay(key);
    return { shard, attempt };
  }

  test.for([
    { outcome: "dead", reason: "a constraint" },
    { outcome: "conflict", batch_run_id: 7, written_digest: "d2" },
    { outcome: "failed", reason: "D1 is away" },
  ] as const)("that it is $outcome changes nothing", async (late, { expect }) => {
    const { shard, attempt } = await claimBeforeReplay();
    const replayed = await shard.status(key);
    await shard.settle([{ ...attempt, ...late }]);
    expect(replayed).toMatchObject({ state: "pending", replays: 1, attempts: 0, reason: null });
    expect(await shard.status(key)).toEqual(replayed);

    await shard.settle([{ ...attempt, replays: 1, ...late }]);
    expect(await shard.status(key)).toMatchObject({ attempts: 1, reason: expect.any(String) });
  });

  test("that it is written is taken: it is true whatever was replayed", async ({ expect }) => {
    const { shard, attempt } = await claimBeforeReplay();
    await shard.settle([{ ...attempt, outcome: "written", batch_run_id: 7 }]);
    expect(await shard.status(key)).toMatchObject({ state: "written", batch_run_id: 7 });
  });
});

test("a report about a batch that was forgotten, or dropped, and posted again changes nothing", async ({
  expect,
}) => {
  const shard = shardFor("run-1");
  const first = await postAndClaim();
  const { key } = first;
  await shard.settle([{ ...first, outcome: "written", batch_run_id: 7 }]);
  await shard.forget({ stream: "batch-metrics", batch_id: "run-1" });
  const second = await postAndClaim();
  await shard.settle([{ ...first, outcome: "written", batch_run_id: 7 }]);
  expect(await shard.status(key)).toMatchObject({ state: "pending", batch_run_id: null });

  await shard.settle([{ ...second, outcome: "dead", reason: "a constraint" }]);
  await shard.drop(key);
  const third = await postAndClaim();
  for (const outcome of ["dead", "failed"] as const) {
    await shard.settle([{ ...second, outcome, reason: "a constraint" }]);
  }
  expect(await shard.status(key)).toMatchObject({ state: "pending", attempts: 0, reason: null });
  await shard.settle([{ ...third, outcome: "written", batch_run_id: 8 }]);
  expect(await shard.status(key)).toMatchObject({ state: "written", batch_run_id: 8 });
});

test("a report about other content than the ledger has now changes nothing", async ({ expect }) => {
  const shard = shardFor("run-1");
  const of = { ...(await postAndClaim()), digest: "of what was dropped meanwhile" };
  await shard.settle([{ ...of, outcome: "written", batch_run_id: 7 }]);
  await shard.settle([{ ...of, outcome: "dead", reason: "no" }]);
  await shard.settle([{ ...of, outcome: "failed", reason: "no" }]);
  expect(await shard.status(of.key)).toMatchObject({ state: "pending", attempts: 0, reason: null });
});

test("what D1 still has that the ledger forgot is as old as D1 says: retention goes by that", async ({
  expect,
}) => {
  const path = "/executions";
  const upload = { batch_id: "run-1", records: [execution()] };
  await post(upload, { path });
  await rows("UPDATE execution_uploads SET accepted_at = '2026-01-01T00:00:00Z'");
  await admin("POST /ledger/forget", { stream: "executions", batch_id: "run-1" });
  expect((await post(upload, { path })).status).toBe(201);
  const shard = env.LEDGER.getByName(shardName(shardOf(env, "executions/run-1")));
  expect(await shard.status("executions/run-1")).toMatchObject({
    state: "written",
    dated_at: Date.parse("2026-01-01T00:00:00Z"),
  });
});

test("content that the ledger forgot and D1 knows otherwise is refused even without waiting", async ({
  expect,
}) => {
  await post(batch());
  await inLedger("run-1", "DELETE FROM batches");
  expect((await post(batch({ total_recipes: 9 }), ASYNC)).status).toBe(202);
  const dead = await untilStatus("dead");
  expect(dead).toMatchObject({ reason: expect.stringContaining("different content") });
  expect((await post(batch({ total_recipes: 9 }))).status).toBe(409);
  // The content that is written is still recognised.
  const again = await post(batch());
  expect([again.status, again.headers.get("Idempotent-Replayed")]).toEqual([201, "true"]);
  // So it is while the other is replayed, in vain.
  faults.queue = "loses";
  await shardFor("run-1").replay("batch-metrics/run-1");
  expect((await post(batch(), ASYNC)).status).toBe(201);
  expect((await post(batch({ total_recipes: 9 }), ASYNC)).status).toBe(202);
  expect(await rows("SELECT total_recipes FROM batch_runs")).toEqual([{ total_recipes: 1 }]);
});

test("a shard that has too much to keep sheds load, and takes what it knows", async ({
  expect,
}) => {
  await post(batch());
  await evictAllDurableObjects();
  let size = 5e9;
  await runInDurableObject(shardFor("run-1"), (_, state) => {
    Object.defineProperty(state.storage.sql, "databaseSize", { get: () => size });
  });
  expect((await post(batch())).status).toBe(201);
  await inLedger("run-1", "DELETE FROM batches");
  const refused = await post(batch());
  expect([refused.status, refused.headers.get("Retry-After")]).toEqual([503, "30"]);
  size = 0;
  expect((await post(batch())).status).toBe(201);
});

test("the queue giving up on a ticket does not touch a batch that another ticket has written", async ({
  expect,
}) => {
  const attempt = await postAndClaim();
  const shard = shardFor("run-1");
  await shard.settle([{ ...attempt, outcome: "written", batch_run_id: 7 }]);
  await shard.bury([attempt]);
  expect(await shard.status(attempt.key)).toMatchObject({ state: "written" });
});
