/** What a contestant has written, as its tables show it from outside. */
export interface Written {
  /** Batches by now. */
  count(): Promise<number>;
  /** How many of these batches are not there. */
  missing(ids: readonly string[]): Promise<number>;
}

/** A service under load. */
export interface Running {
  url: string;
  token: string;
  /** The processes whose time and memory are its cost. */
  pids(): number[];
  /** CPU time so far of the simulator's half that runs in this process; absent if it has none. */
  simulatorCpu_ms?(): number;
  /** Absent if it keeps nothing. */
  written?: Written;
  stop(): Promise<void>;
}

/** One of those who are measured side by side. */
export interface Contestant {
  name: string;
  /** Whether it answers 202 to `Prefer: respond-async`, 201 without, or both. */
  answers: readonly (201 | 202)[];
  start(): Promise<Running>;
  /** Started so that it writes what it accepts only once `/bench/release` is called; absent if it has no queue. */
  startHeld?: () => Promise<Running>;
  /** Started so that `/bench/meters` tells what the platform would bill; absent if it has no bill. */
  startMetered?: () => Promise<Running>;
}
