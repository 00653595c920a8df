import { fork } from "node:child_process";

/** One stretch of load. */
export interface LoadOptions {
  url: string;
  token: string;
  /** Of each upload. */
  results: number;
  connections: number;
  seconds: number;
  /** The status that counts as success. */
  status: 201 | 202;
  /** What posts: autocannon, which takes less of the processor, unless it is told otherwise. */
  client?: "autocannon" | "node:http";
  /**
   * Uploads per second on average, whether they are answered or not; only `node:http` can do that.
   * Absent: each caller posts its next upload when the one before it is answered.
   */
  rate?: number;
}

/** What came of it. */
export interface LoadResult {
  succeeded: number;
  /** Answered 503. */
  shed: number;
  /** Anything else. */
  failed: number;
  /** From the first request to the last answer. */
  seconds: number;
  perSecond: number;
  /** Of the successes. */
  p50_ms: number;
  p99_ms: number;
  /** The `batch_id` of each success. */
  ids: string[];
}

/**
 * Posts uploads over keep-alive connections, each under its own batch_id. In a process of its
 * own, because this one is the simulator's other half: a local queue waits for it.
 */
export function load(options: LoadOptions): Promise<LoadResult> {
  const { promise, resolve, reject } = Promise.withResolvers<LoadResult>();
  // Structured clones keep NaN, which JSON would make null.
  const generator = fork(`${import.meta.dirname}/load-process.ts`, { serialization: "advanced" });
  generator.once("message", (result: LoadResult) => resolve(result));
  generator.once("error", reject);
  generator.once("exit", (code) => reject(new Error(`the load generator ended with ${code}`)));
  generator.send(options);
  return promise;
}
