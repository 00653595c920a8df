/** A service under load. */
export interface Running {
  url: string;
  token: string;
  /** The processes whose time and memory are its cost. */
  pids(): number[];
  /** Batches in its tables by now; absent where it keeps none. */
  written?(): Promise<number>;
  stop(): Promise<void>;
}

/** One of those who are measured side by side. */
export interface Contestant {
  name: string;
  /** Whether it answers 202 to `Prefer: respond-async`, 201 without, or both. */
  answers: readonly (201 | 202)[];
  start(): Promise<Running>;
}
