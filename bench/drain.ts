import { load } from "./load.ts";
import { startWorkerd, type WorkerdOptions } from "./workerd.ts";
import type { Upload } from "./workload.ts";

/** The longest that accepted batches may take to be written after the load has ended. */
export const DRAIN_MS = 120_000;

/**
 * Rows per second with which a backlog is written: tickets are held back while uploads are
 * accepted, then let go, and the time is taken until all of them are in the database.
 */
export async function drainRowsPerSecond(
  upload: Upload,
  seconds: number,
  options: WorkerdOptions = {},
): Promise<number> {
  const running = await startWorkerd("bench/workers/held.ts", options);
  try {
    const { url, token } = running;
    const { results } = upload;
    const settings = { url, token, results, status: 202 as const, connections: 16, seconds };
    const { succeeded } = await load(settings);
    const started = performance.now();
    await fetch(`${url}/bench/release`);
    while (((await running.written?.()) ?? 0) < succeeded) {
      if (performance.now() - started > DRAIN_MS) throw new Error("the backlog was not written");
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return (succeeded * results) / ((performance.now() - started) / 1000);
  } finally {
    await running.stop();
  }
}
