import { env } from "cloudflare:workers";
import { test } from "vitest";
import { shardOf } from "../../src/durable/shards.ts";
import { ASYNC, batch, count, rows, upload, withEnv } from "../client.ts";
import { takeAway } from "../faulty-database.ts";

const ONE_SHARD = { LEDGER_SHARDS: "1" };
const FOUR_SHARDS = { LEDGER_SHARDS: "4" };
const SEVEN_SHARDS = { LEDGER_SHARDS: "7" };

function uploadOf(overrides: Record<string, unknown>, prefer = "wait=10"): RequestInit {
  return upload(batch(overrides), { Prefer: prefer });
}

const ADMIN = { headers: { Authorization: "Bearer test-admin-token" } };

const READER = { headers: { Authorization: "Bearer test-read-token" } };

/** A batch_id that lives in another shard when there are 7 than when there are 4. */
const moving = Array.from({ length: 100 }, (_, index) => `run-${index}`).find((id) => {
  const key = `batch-metrics/${id}`;
  return shardOf({ ...env, ...FOUR_SHARDS }, key) !== shardOf({ ...env, ...SEVEN_SHARDS }, key);
});

test("a hash spreads batches evenly", ({ expect }) => {
  const perShard = new Map<number, number>();
  for (let index = 0; index < 4_000; index++) {
    const shard = shardOf(env, `batch-metrics/org/repo-${index}`);
    perShard.set(shard, (perShard.get(shard) ?? 0) + 1);
  }
  expect([...perShard.keys()].toSorted()).toEqual([0, 1, 2, 3]);
  expect(Math.min(...perShard.values())).toBeGreaterThan(800);
});

test("a batch posted again after the number of shards has changed has the same run", async ({
  expect,
}) => {
  const first = await (
    await withEnv(FOUR_SHARDS, "/batch-metrics", uploadOf({ batch_id: moving }))
  ).json();
  const again = await withEnv(SEVEN_SHARDS, "/batch-metrics", uploadOf({ batch_id: moving }));
  expect([again.status, await again.json()]).toEqual([201, first]);
  expect([await count("batch_runs"), await count("recipe_results")]).toEqual([1, 1]);
});

test("a written batch whose run is deleted is written for who asks, after the number of shards has changed", async ({
  expect,
}) => {
  await withEnv(FOUR_SHARDS, "/batch-metrics", uploadOf({ batch_id: moving }));
  await rows("DELETE FROM recipe_results");
  await rows("DELETE FROM batch_runs");
  const answer = await withEnv(SEVEN_SHARDS, `/batch-metrics/${moving}`, READER);
  const status = await answer.json<object>();
  expect(status).toMatchObject({ status: "written", run: null });
  expect(status).not.toHaveProperty("next");
});

test("other content under its batch_id is a conflict for the new shard too, and the right content is not", async ({
  expect,
}) => {
  await withEnv(FOUR_SHARDS, "/batch-metrics", uploadOf({ batch_id: moving }));
  const other = await withEnv(
    SEVEN_SHARDS,
    "/batch-metrics",
    uploadOf({ batch_id: moving, total_recipes: 5, results: [] }),
  );
  expect(other.status).toBe(409);
  const right = await withEnv(SEVEN_SHARDS, "/batch-metrics", uploadOf({ batch_id: moving }));
  expect(right.status).toBe(201);
  // Of its own results, and not of those of the content that was refused.
  expect(await right.json()).toMatchObject({ status: "written", results: 1 });
  expect(await rows("SELECT total_recipes FROM batch_runs")).toEqual([{ total_recipes: 1 }]);
});

test("what waited or died in a shard that is no longer used is still found and replayed", async ({
  expect,
}) => {
  const bringBack = await takeAway();
  const ids = Array.from({ length: 12 }, (_, index) => `run-${index}`);
  await Promise.all(
    ids.map((batch_id) =>
      withEnv(SEVEN_SHARDS, "/batch-metrics", upload(batch({ batch_id }), ASYNC.headers)),
    ),
  );
  const list = async () => (await withEnv(ONE_SHARD, "/dead-letters", ADMIN)).json();
  await expect.poll(list).toMatchObject({ total: 12 });
  await bringBack();
  for (const batch_id of ids) {
    const status = await withEnv(ONE_SHARD, `/batch-metrics/${batch_id}`, READER);
    expect(await status.json()).toMatchObject({ batch_id, status: "dead" });
  }
  const replay = await withEnv(ONE_SHARD, "/dead-letters/replay", { method: "POST", ...ADMIN });
  expect(await replay.json()).toEqual({ replayed: 12, left: 0 });
  await expect.poll(() => count("batch_runs")).toBe(12);
  expect(await count("recipe_results")).toBe(12);
});
