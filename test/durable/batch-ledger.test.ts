import { env } from "cloudflare:workers";
import { afterEach, beforeEach, test, vi } from "vitest";
import { shardOf } from "../../src/durable/shards.ts";
import { batch, count, post } from "../client.ts";
import { faults } from "../faults.ts";

const errors: string[] = [];
beforeEach(() => {
  errors.length = 0;
  vi.spyOn(console, "error").mockImplementation((line: unknown) => void errors.push(String(line)));
});
afterEach(() => vi.restoreAllMocks());

test("a shard that cannot tell shard 0 of itself takes nothing, until it can", async ({
  expect,
}) => {
  const ids = Array.from({ length: 100 }, (_, index) => `run-${index}`);
  const batch_id = ids.find((id) => shardOf(env, `batch-metrics/${id}`) === 3);
  const known = () => env.LEDGER.getByName("shard-0").knownShards();
  faults.announcing = "fails";
  const refused = await post(batch({ batch_id }));
  expect([refused.status, refused.headers.get("Retry-After")]).toEqual([503, "5"]);
  expect(errors.map((line) => JSON.parse(line))).toContainEqual({
    level: "error",
    event: "ledger.announce-failed",
    shard: 3,
    reason: "Network connection lost",
  });
  expect([await known(), await count("batch_runs")]).toEqual([1, 0]);

  faults.announcing = "none";
  expect((await post(batch({ batch_id }))).status).toBe(201);
  expect(await known()).toBe(4);
});
