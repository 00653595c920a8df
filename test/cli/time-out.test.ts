import { test, vi } from "vitest";
import { DeadLetters } from "../../cli/dead/letters.ts";
import { call } from "../../cli/delivery/connection.ts";
import { Deadline } from "../../cli/delivery/deadline.ts";
import { Pace } from "../../cli/delivery/pace.ts";
import { send } from "../../cli/delivery/send.ts";
import { waitUntilSettled } from "../../cli/delivery/wait.ts";
import { type Front, openSilentFront } from "./front.ts";

/** A service that never answers, asked with time-outs of 50 ms; `asked` counts the requests. */
async function withSilence(work: (front: Front, asked: () => number) => Promise<void>) {
  let count = 0;
  const front = await openSilentFront(() => (count += 1));
  const timeout = AbortSignal.timeout.bind(AbortSignal);
  const hurried = vi.spyOn(AbortSignal, "timeout").mockImplementation(() => timeout(50));
  try {
    await work(front, () => count);
  } finally {
    hurried.mockRestore();
    front.close();
  }
}

function sendOptions(url: string, milliseconds: number) {
  const deadline = new Deadline(milliseconds);
  deadline.begin();
  const { signal } = deadline;
  const pace = new Pace({ rate: 50, concurrency: 2, signal, deadline });
  const connection = { url, token: undefined };
  return { connection, options: { service: { connection }, pace, signal, deadline, wait: false } };
}

test("a request is given up after the time it was given", async ({ expect }) => {
  const front = await openSilentFront(() => {});
  const connection = { url: front.url, token: undefined };
  await expect(call(connection, "/", { timeout_ms: 50 })).rejects.toThrow(/timeout/);
  front.close();
});

test("a silent service holds up no question about the dead letters for ever", async ({
  expect,
}) => {
  await withSilence(async ({ url }, asked) => {
    const letters = new DeadLetters({ url, token: "t" }, new AbortController().signal);
    await expect(letters.replay("batch-metrics", "a")).rejects.toThrow(/does not answer.*timeout/);
    expect(asked()).toBe(5);
  });
});

test("an upload that is not answered in time is tried again, until the deadline", async ({
  expect,
}) => {
  await withSilence(async ({ url }, asked) => {
    const { options } = sendOptions(url, 4_000);
    const outcome = await send("/batch-metrics", () => new Uint8Array(1), options);
    expect(outcome).toMatchObject({ kind: "failed", reason: expect.stringMatching(/timeout/) });
    expect(asked()).toBeGreaterThan(1);
  });
});

test("a batch whose state is not told in time is asked for again", async ({ expect }) => {
  await withSilence(async ({ url }, asked) => {
    const { connection, options } = sendOptions(url, 2_000);
    expect(await waitUntilSettled("/batch-metrics/a", connection, options)).toBe(undefined);
    expect(asked()).toBeGreaterThan(1);
  });
});
