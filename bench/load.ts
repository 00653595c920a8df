import autocannon from "autocannon";
import { percentile } from "./statistics.ts";
import type { Upload } from "./workload.ts";

/** One shot of load, and what came of it. */
export interface LoadOptions {
  url: string;
  upload: Upload;
  connections: number;
  seconds: number;
  /** The status that counts as success; anything else is a failure. */
  status: 201 | 202;
  token: string;
}

export interface LoadResult {
  succeeded: number;
  failed: number;
  perSecond: number;
  p50_ms: number;
  p99_ms: number;
}

let shots = 0;

/** Posts uploads over keep-alive connections, each under its own batch_id, for some seconds. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const { url, upload, connections, seconds, status } = options;
  const shot = `${process.pid}-${Date.now()}-${++shots}`;
  let sent = 0;
  const latencies: number[] = [];
  const headers = {
    "Content-Type": "application/json",
    Authorization: `Bearer ${options.token}`,
    ...(status === 202 && { Prefer: "respond-async" }),
  };
  let failed = 0;
  const started = performance.now();
  let last = started;
  await new Promise<void>((resolve, reject) => {
    const instance = autocannon(
      {
        url,
        connections,
        duration: seconds,
        requests: [
          {
            method: "POST",
            path: "/batch-metrics",
            headers,
            setupRequest: (request) => ({ ...request, body: upload.text(`${shot}-${++sent}`) }),
          },
        ],
      },
      (error) => (error ? reject(error) : resolve()),
    );
    instance.on("response", (_client, code, _bytes, milliseconds) => {
      last = performance.now();
      if (code === status) latencies.push(milliseconds);
      else failed += 1;
    });
    instance.on("reqError", () => (failed += 1));
  });
  latencies.sort((one, other) => one - other);
  return {
    succeeded: latencies.length,
    failed,
    perSecond: latencies.length / ((last - started) / 1000),
    p50_ms: percentile(latencies, 0.5),
    p99_ms: percentile(latencies, 0.99),
  };
}
