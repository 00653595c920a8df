import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { describe, test } from "vitest";
import { FORGET_ROWS } from "../../src/limits.ts";
import { admin, ask, ASYNC, batch, count, execution, post, rows, untilStatus } from "../client.ts";
import { insertBatches } from "../durable/insert-batches.ts";
import { refuseRows } from "../faulty-database.ts";

const forget = (filter: object) => admin("POST /ledger/forget", filter);

async function totals(stream = "batch-metrics"): Promise<Record<string, number>> {
  const response = await ask("/ledger");
  const { streams } = await response.json<{ streams: Record<string, Record<string, number>> }>();
  return streams[stream] ?? {};
}

test("a batch that D1 has lost is written again, once the ledger has forgotten it", async ({
  expect,
}) => {
  await post(batch());
  await rows("DELETE FROM recipe_results");
  await rows("DELETE FROM batch_runs");
  expect((await post(batch())).headers.get("Idempotent-Replayed")).toBe("true");
  expect(await count("batch_runs")).toBe(0);

  const response = await forget({ stream: "batch-metrics", batch_id: "run-1" });
  expect([response.status, await response.json()]).toEqual([200, { forgotten: 1, left: 0 }]);
  expect((await post(batch())).status).toBe(201);
  expect([await count("batch_runs"), await count("recipe_results")]).toEqual([1, 1]);
  expect(await totals()).toMatchObject({ accepted: 2, written: 1, forgotten: 1, pending: 0 });
});

test("a batch that D1 still has is not written twice", async ({ expect }) => {
  const first = await (await post(batch())).json();
  await forget({ stream: "batch-metrics", batch_id: "run-1" });
  expect(await (await post(batch())).json()).toEqual(first);
  expect(await count("batch_runs")).toBe(1);
});

test("of a dead batch the other content is forgotten that D1 had under its batch_id", async ({
  expect,
}) => {
  const one = { stream: "batch-metrics", batch_id: "run-1" };
  await post(batch());
  await forget(one);
  await post(batch({ total_recipes: 9 }), ASYNC);
  await untilStatus("dead");
  expect((await post(batch())).status).toBe(201);
  await rows("DELETE FROM recipe_results");
  await rows("DELETE FROM batch_runs");

  expect(await (await forget(one)).json()).toEqual({ forgotten: 0, left: 0 });
  expect((await post(batch())).status).toBe(409);
  await admin("DELETE /dead-letters/batch-metrics/run-1");
  expect((await post(batch())).status).toBe(201);
  expect(await count("batch_runs")).toBe(1);
});

test("all that were written since a moment are forgotten, and no others", async ({ expect }) => {
  await refuseRows("batch_runs", { when: "NEW.batch_id = 'dead'" });
  await post(batch({ batch_id: "before" }));
  // Written a millisecond apart, at least.
  await new Promise((resolve) => setTimeout(resolve, 5));
  const since = new Date().toISOString();
  for (const batch_id of ["dead", "one", "two"]) await post(batch({ batch_id }));
  await post({ batch_id: "one", records: [execution()] }, { path: "/executions" });

  const response = await forget({ stream: "batch-metrics", since });
  expect(await response.json()).toEqual({ forgotten: 2, left: 0 });
  expect(await totals()).toMatchObject({ accepted: 4, written: 1, dead: 1, forgotten: 2 });
  expect(await totals("executions")).toMatchObject({ written: 1, forgotten: 0 });
});

test("so many are forgotten at once, and the answer says how many are left", async ({ expect }) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), (_, { storage }) => {
    storage.sql.exec(insertBatches(FORGET_ROWS + 3, { settled_at: "1" }));
  });
  const all = { stream: "batch-metrics", since: "1970-01-01T00:00:00Z" };
  expect(await (await forget(all)).json()).toEqual({ forgotten: FORGET_ROWS, left: 3 });
  expect(await (await forget(all)).json()).toEqual({ forgotten: 3, left: 0 });
});

describe("what does not say what to forget forgets nothing", () => {
  const both = { stream: "batch-metrics", batch_id: "run-1", since: "2026-11-01T00:00:00Z" };
  test.for([
    [{}, "stream is required"],
    [{ stream: "batch-metrics" }, "must have batch_id, or since"],
    [both, "must have batch_id, or since"],
    [{ stream: "other", batch_id: "run-1" }, "stream must be one of"],
    [{ stream: "batch-metrics", batch_id: "run 1" }, "batch_id must be 1 to 200"],
    [{ stream: "batch-metrics", since: "yesterday" }, "since must be"],
    [{ stream: "batch-metrics", batch: "run-1" }, "batch is not a known filter"],
    [{ stream: "notices", batch_id: "run-1" }, "Nothing but the ledger knows"],
  ] as const)("%j: %s", async ([filter, message], { expect }) => {
    await post(batch());
    const response = await forget(filter);
    expect(response.status).toBe(400);
    expect((await response.json<{ detail: string }>()).detail).toContain(message);
    expect(await totals()).toMatchObject({ written: 1, forgotten: 0 });
  });

  test("a filter in the address", async ({ expect }) => {
    await post(batch());
    const response = await admin("POST /ledger/forget?stream=batch-metrics&batch_id=run-1");
    expect(response.status).toBe(400);
    expect(await totals()).toMatchObject({ written: 1, forgotten: 0 });
  });
});
