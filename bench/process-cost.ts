import { globSync, readFileSync } from "node:fs";

/** Linux counts process times in hundredths of a second on every platform Node runs on. */
const TICKS_PER_SECOND = 100;

/** What processes have used so far. */
export interface Cost {
  cpu_ms: number;
  /** The most memory resident at once, summed over the processes. */
  peak_mb: number;
}

/** utime and stime of the processes, from /proc; those that are gone count nothing. */
export function costOf(pids: readonly number[]): Cost {
  let cpu_ms = 0;
  let peak_mb = 0;
  for (const pid of pids) {
    // The command, in brackets, may hold spaces: the fields are counted from its end.
    const fields = read(`/proc/${pid}/stat`).split(") ").at(-1)?.split(" ") ?? [];
    cpu_ms += ((Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * 1000) / TICKS_PER_SECOND;
    peak_mb += Number(/VmHWM:\s+(\d+)/.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) / 1024;
  }
  return { cpu_ms, peak_mb };
}

/** The process and everything it started, by the parent that each process names. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>();
  for (const path of globSync("/proc/[0-9]*/stat")) {
    const parent = Number(read(path).split(") ").at(-1)?.split(" ")[1]);
    const pid = Number(path.split("/")[2]);
    children.set(parent, [...(children.get(parent) ?? []), pid]);
  }
  const tree = [root];
  for (const pid of tree) tree.push(...(children.get(pid) ?? []));
  return tree;
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
