/** The load generator, in a process of its own: `load.ts` starts it, and gets its result. */
import type { LoadOptions, LoadResult } from "./load.ts";
import { repeatWithAutocannon } from "./load-autocannon.ts";
import { arrive, repeatWithHttp } from "./load-http.ts";
import type { Answered } from "./posts.ts";
import { percentile } from "./statistics.ts";

process.once("message", (options: LoadOptions) => {
  void generate(options).then((result) => process.send?.(result, () => process.exit(0)));
});

async function generate(options: LoadOptions): Promise<LoadResult> {
  const latencies: number[] = [];
  const ids: string[] = [];
  let shed = 0;
  let failed = 0;
  let last = 0;
  const started = performance.now();
  await post(options, (status, id, milliseconds) => {
    last = performance.now();
    if (status === options.status) {
      latencies.push(milliseconds);
      ids.push(id);
    } else if (status === 503) shed += 1;
    else failed += 1;
  });
  latencies.sort((one, other) => one - other);
  const seconds = (last - started) / 1000;
  return {
    succeeded: latencies.length,
    shed,
    failed,
    seconds,
    perSecond: latencies.length / seconds,
    p50_ms: percentile(latencies, 0.5),
    p99_ms: percentile(latencies, 0.99),
    ids,
  };
}

function post(options: LoadOptions, answered: Answered): Promise<void> {
  if (options.rate !== undefined) return arrive(options, options.rate, answered);
  if (options.client === "node:http") return repeatWithHttp(options, answered);
  return repeatWithAutocannon(options, answered);
}
