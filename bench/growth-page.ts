import { chart } from "./chart.ts";
import type { Size } from "./growth.ts";
import { WARM_SECONDS } from "./measure.ts";
import { counted, machine, ranged, type Run, table } from "./page.ts";
import { BAR } from "./settings.ts";
import { median, ratios } from "./statistics.ts";

/** The page: a row for each size. */
export function growthPage(sizes: readonly Size[], run: Run): string {
  const [empty] = sizes;
  const rows = sizes.map(({ what, size, bytes, throughput, p50_ms, cpu_ms }) => [
    `${size.toLocaleString("en")} ${what}`,
    (bytes / 1e6).toFixed(0),
    ranged(throughput),
    ranged(p50_ms, 1),
    ranged(cpu_ms, 2),
    ranged(ratios(cpu_ms, empty?.cpu_ms ?? []), 2),
  ]);
  const heads = ["", "file, MB", "committed batches/s", "p50 ms", "CPU ms/batch", "CPU ÷ empty"];
  const added = Math.max(...sizes.flatMap((size) => size.added)) * BAR.results;
  return `# Growth

Written by \`${run.command}\`: ${counted(run.rounds, "round")} of ${run.seconds} s for each size.
Batches have 100 results and come over 16 connections. In each round all sizes are measured, one after the other,
there and back. Figures are medians, with the least and the greatest in brackets. The last column compares with
the first row of the same round. CPU is that of workerd.

What is in the tables beforehand is put there from outside the service, in the service's own schema. Each
measurement has a fresh copy of it. By its end, with ${WARM_SECONDS} s of warming up, it has added at most
${added.toLocaleString("en")} results.

The ledger's batches had 60 to 140 results. The ledger's own code stores them with their bodies and then settles
them, 16 at a time. So what is left of them lies in pages that are mostly empty, as in service. From 2 GB on a
shard [forgets its oldest written batches](decisions/0016-a-crowded-ledger-forgets.md) when its alarm rings, and
no alarm rings within a measurement.

${machine()}

![The cost of a batch](benchmarks-growth.svg)

${table(heads, rows)}
`;
}

/** The cost of a batch by size, as SVG. */
export function growthPlot(sizes: readonly Size[]): Promise<string> {
  const values = (["results in D1", "batches in the ledger"] as const).flatMap((what) => {
    const own = sizes.filter((size) => size.what === what || size.size === 0);
    const most = Math.max(...own.map(({ size }) => size));
    const line = `${what}, up to ${most.toLocaleString("en")}`;
    return own.map(({ size, cpu_ms }) => ({ line, share: size / most, value: median(cpu_ms) }));
  });
  return chart({
    data: { values },
    width: 480,
    height: 240,
    mark: { type: "line", point: true },
    encoding: {
      x: { field: "share", type: "quantitative", title: "share of the largest size" },
      y: { field: "value", type: "quantitative", title: "CPU of a committed batch, ms" },
      color: { field: "line", type: "nominal", title: null, legend: { labelLimit: 400 } },
    },
  });
}
