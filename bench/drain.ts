import { setTimeout as sleep } from "node:timers/promises";
import type { Running } from "./contestant.ts";
import { load } from "./load.ts";
import { BAR } from "./settings.ts";

/** The longest that accepted batches may take to be written after the load has ended. */
const DRAIN_MS = 120_000;
/** So long without a change, nothing more is on its way that the end of the load cut off. */
const QUIET_MS = 500;

/** How a backlog was written. */
interface Drained {
  /** NaN if there was hardly any. */
  rowsPerSecond: number;
  /** Batches of the ids that were not written in time. */
  missing: number;
}

/** Waits until these batches are written, and nothing more arrives. */
export async function drain(
  { written }: Running,
  results: number,
  ids: readonly string[],
): Promise<Drained> {
  if (!written) return { rowsPerSecond: Number.NaN, missing: 0 };
  const started = performance.now();
  const first = await written.count();
  let count = first;
  let lastChange = started;
  for (;;) {
    await sleep(20);
    const now = performance.now();
    const next = await written.count();
    if (next !== count) lastChange = now;
    count = next;
    const late = now - started > DRAIN_MS;
    if (now - lastChange < QUIET_MS && !late) continue;
    const missing = await written.missing(ids);
    if (missing === 0 || late) {
      const took = (lastChange - started) / 1000;
      const rowsPerSecond = took > 0.2 ? ((count - first) * results) / took : Number.NaN;
      return { rowsPerSecond, missing };
    }
    await sleep(QUIET_MS);
  }
}

/**
 * Rows per second with which a backlog is written: what is accepted is held back for so long, then
 * let go, and the time is taken until all of it is in the tables.
 */
export async function backlogRowsPerSecond(
  start: () => Promise<Running>,
  seconds: number,
): Promise<number> {
  const running = await start();
  try {
    const { url, token } = running;
    const { ids } = await load({ url, token, status: 202, seconds, ...BAR });
    const [{ rowsPerSecond, missing }] = await Promise.all([
      drain(running, BAR.results, ids),
      fetch(`${url}/bench/release`),
    ]);
    if (missing > 0) throw new Error(`${missing} batches of the backlog were not written`);
    return rowsPerSecond;
  } finally {
    await running.stop();
  }
}
