import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { test } from "vitest";
import { FORGET_EVERY_MS, FORGET_ROWS } from "../../src/limits.ts";
import { insertBatches } from "./insert-batches.ts";
import { shardByHand } from "./shard-by-hand.ts";

test("the whole table is walked, a stretch an alarm and at once, and a day later again from its start", async ({
  expect,
}) => {
  await runInDurableObject(env.LEDGER.getByName("shard-0"), async (_, { storage }) => {
    const retentionMs = FORGET_EVERY_MS / 2;
    const { alarms, clock, shard, sql } = shardByHand(storage, { retentionMs });
    const all = 2 * FORGET_ROWS + 3;
    const kept = () => sql.exec("SELECT key FROM batches").length;
    await shard.alarm();
    clock.pass(FORGET_EVERY_MS);

    // In each of the three stretches the first is old, and so is the very last.
    const old = `value % ${FORGET_ROWS} = 1 OR value = ${all}`;
    const settled_at = `iif(${old}, 1, ${clock.now()})`;
    sql.exec(insertBatches(all, { settled_at }));
    for (const gone of [1, 2]) {
      await shard.alarm();
      expect([all - kept(), alarms.at(-1)]).toEqual([gone, clock.now()]);
    }
    await shard.alarm();
    expect([all - kept(), alarms.at(-1)]).toEqual([4, clock.now() + FORGET_EVERY_MS]);

    clock.pass(FORGET_EVERY_MS);
    await shard.alarm();
    expect(kept()).toBe(all - 4 - FORGET_ROWS);
    await shard.alarm();
    expect(kept()).toBe(0);
    expect(shard.totals.of("batch-metrics")).toMatchObject({ forgotten: all });
  });
});
