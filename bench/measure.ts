import type { Contestant } from "./contestant.ts";
import { drain } from "./drain.ts";
import { load, type LoadResult } from "./load.ts";
import { costOf } from "./process-cost.ts";
import type { Setting } from "./settings.ts";

/**
 * Load before the clock starts, until what is compiled is compiled and memory has its size: the
 * service's grows for about eight seconds, and new pages cost a tenth of its time until then.
 */
export const WARM_SECONDS = 8;

/** One measurement of one contestant. */
export interface Measurement extends Omit<LoadResult, "ids">, Setting {
  contestant: string;
  status: 201 | 202;
  /** Of the contestant's processes, until all is written. */
  cpuPerBatch_ms: number;
  /** Of the simulator's half in this process, until the load ends; NaN if the contestant has none. */
  simulatorCpuPerBatch_ms: number;
  peak_mb: number;
  /** Rows per second with which the backlog was written after the load; NaN if there was none. */
  drainRowsPerSecond: number;
  /** Batches that were answered with success and were not in the tables in time. */
  missing: number;
}

/** Loads one contestant once, waits until what it accepted is written, and stops it. */
export async function measure(
  contestant: Contestant,
  status: 201 | 202,
  setting: Setting,
  seconds: number,
): Promise<Measurement> {
  const running = await contestant.start();
  try {
    const { url, token } = running;
    const settings = { url, token, status, ...setting };
    const warm = await load({ ...settings, seconds: WARM_SECONDS });
    const warmed = await drain(running, setting.results, warm.ids);
    const before = costOf(running.pids());
    const simulatorBefore_ms = running.simulatorCpu_ms?.() ?? Number.NaN;
    const { ids, ...result } = await load({ ...settings, seconds });
    const simulator_ms = (running.simulatorCpu_ms?.() ?? Number.NaN) - simulatorBefore_ms;
    const { rowsPerSecond, missing } = await drain(running, setting.results, ids);
    const after = costOf(running.pids());
    return {
      ...result,
      ...setting,
      contestant: contestant.name,
      status,
      cpuPerBatch_ms: (after.cpu_ms - before.cpu_ms) / result.succeeded,
      simulatorCpuPerBatch_ms: simulator_ms / result.succeeded,
      peak_mb: after.peak_mb,
      drainRowsPerSecond: status === 202 ? rowsPerSecond : Number.NaN,
      missing: warmed.missing + missing,
    };
  } finally {
    await running.stop();
  }
}
