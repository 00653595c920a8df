import { test } from "vitest";
import { DeadLetters } from "../../cli/dead/letters.ts";
import { openFront } from "./front.ts";

test.for(["replay", "drop"] as const)(
  "a %s that is not there any more after a failed attempt was done by that attempt",
  async (action, { expect }) => {
    const statuses = [503, 404, 404];
    const text = '{"title":"Not found"}';
    const front = await openFront(() => ({ status: statuses.shift() ?? 500, text }));
    const letters = new DeadLetters({ url: front.url, token: "t" }, new AbortController().signal);
    const done = await letters[action]("batch-metrics", "run-1");
    const missing = await letters[action]("batch-metrics", "run-2");
    front.close();
    expect([done, missing]).toEqual([true, false]);
  },
);
