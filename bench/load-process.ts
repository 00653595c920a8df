/** The load generator, in a process of its own: `load.ts` starts it, and gets its result. */
import autocannon from "autocannon";
import type { LoadOptions, LoadResult } from "./load.ts";
import { percentile } from "./statistics.ts";
import { uploadOf } from "./workload.ts";

process.once("message", (options: LoadOptions) => {
  void generate(options).then((result) => process.send?.(result, () => process.exit(0)));
});

async function generate(options: LoadOptions): Promise<LoadResult> {
  const { url, results, connections, seconds, status, rate } = options;
  const upload = uploadOf(results);
  const shot = `${process.pid}-${Date.now()}`;
  let sent = 0;
  const latencies: number[] = [];
  const headers = {
    "Content-Type": "application/json",
    Authorization: `Bearer ${options.token}`,
    ...(status === 202 && { Prefer: "respond-async" }),
  };
  let failed = 0;
  let shed = 0;
  const started = performance.now();
  let last = started;
  await new Promise<void>((resolve, reject) => {
    const instance = autocannon(
      {
        url,
        connections,
        duration: seconds,
        timeout: 30,
        ...(rate && { overallRate: rate }),
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
      else if (code === 503) shed += 1;
      else failed += 1;
    });
    instance.on("reqError", () => (failed += 1));
  });
  latencies.sort((one, other) => one - other);
  const took = (last - started) / 1000;
  return {
    succeeded: latencies.length,
    shed,
    failed,
    seconds: took,
    perSecond: latencies.length / took,
    p50_ms: percentile(latencies, 0.5),
    p99_ms: percentile(latencies, 0.99),
  };
}
