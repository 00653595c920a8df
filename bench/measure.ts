import type { Contestant, Running } from "./contestant.ts";
import { DRAIN_MS } from "./drain.ts";
import { load, type LoadResult } from "./load.ts";
import { costOf } from "./process-cost.ts";
import type { Upload } from "./workload.ts";

/**
 * Load before the clock starts, until what is compiled is compiled and memory has its size: the
 * service's grows for about eight seconds, and new pages cost a tenth of its time until then.
 */
export const WARM_SECONDS = 8;

/** One shot of one contestant. */
export interface Shot extends LoadResult {
  contestant: string;
  status: 201 | 202;
  results: number;
  connections: number;
  cpuPerBatch_ms: number;
  peak_mb: number;
  /** Rows per second with which the backlog was written after the load; NaN where there was none. */
  drainRowsPerSecond: number;
  /** Accepted batches that did not arrive in the tables in time. */
  missing: number;
}

/** Loads one contestant once, waits until what it accepted is written, and stops it. */
export async function measure(
  contestant: Contestant,
  status: 201 | 202,
  upload: Upload,
  connections: number,
  seconds: number,
): Promise<Shot> {
  const running = await contestant.start();
  try {
    const { url, token } = running;
    const { results } = upload;
    await load({ url, token, results, status, connections, seconds: WARM_SECONDS });
    await drain(running, results, 0);
    const before = { ...costOf(running.pids()), written: await writtenBy(running) };
    const result = await load({ url, token, results, status, connections, seconds });
    const goal = before.written + result.succeeded;
    const { rowsPerSecond, missing } = await drain(running, results, goal);
    const after = costOf(running.pids());
    return {
      ...result,
      contestant: contestant.name,
      status,
      results: upload.results,
      connections,
      cpuPerBatch_ms: (after.cpu_ms - before.cpu_ms) / result.succeeded,
      peak_mb: after.peak_mb,
      drainRowsPerSecond: status === 202 ? rowsPerSecond : Number.NaN,
      missing,
    };
  } finally {
    await running.stop();
  }
}

/** Batches in its tables by now; none where it keeps none. */
export async function writtenBy(running: Running): Promise<number> {
  return (await running.written?.()) ?? 0;
}

/** Waits for the goal, and for an end to what arrives beyond it: requests cut off by the end of the load. */
export async function drain(running: Running, results: number, goal: number) {
  const started = performance.now();
  const first = await writtenBy(running);
  let written = first;
  let lastChange = started;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const now = performance.now();
    const next = await writtenBy(running);
    if (next !== written) lastChange = now;
    written = next;
    if (now - started > DRAIN_MS) break;
    if ((written >= goal || !running.written) && now - lastChange > 500) break;
  }
  const backlog = written - first;
  const took = (lastChange - started) / 1000;
  return {
    rowsPerSecond: took > 0.2 ? (backlog * results) / took : Number.NaN,
    missing: running.written ? Math.max(0, goal - written) : 0,
  };
}
