import { writeFileSync } from "node:fs";
import { chart } from "./chart.ts";
import { load } from "./load.ts";
import { WARM_SECONDS } from "./measure.ts";
import { machine, type Run, table } from "./page.ts";
import { median } from "./statistics.ts";
import { SERVICE, startWorkerd } from "./workerd.ts";

const RESULTS = 100;
/** Shares of what the service can take. */
const SHARES = [0.25, 0.5, 0.75, 0.9, 1, 1.25, 1.5];
/** Enough that callers who wait do not keep new ones from coming. */
const CONNECTIONS = 1_000;
/** About 60 uploads at once, so that this machine reaches it with the connections it can hold. */
const VARIABLES = { UPLOADS_IN_MEMORY_BYTES: "1000000" };

interface Point {
  share: number;
  offered: number;
  written: number;
  shed: number;
  other: number;
  p50_ms: number;
  p99_ms: number;
  /** Answered 201 and not in D1. */
  lost: number;
}

/** More and more uploads a second, whether the service keeps up or not. */
export async function measureSaturation(run: Run, out: string): Promise<void> {
  const points: Point[] = [];
  const capacity = await measureCapacity(run.seconds);
  console.log(`capacity ${capacity.toFixed(0)}/s`);
  for (let round = 1; round <= run.rounds; round++) {
    for (const share of SHARES) {
      const point = await offer(share, Math.round(capacity * share), run.seconds);
      points.push(point);
      console.log(
        `round ${round}: ${point.offered}/s offered: ${point.written.toFixed(0)}/s written, ${point.shed.toFixed(0)}/s shed,`,
        `p50 ${point.p50_ms.toFixed(1)} ms, p99 ${point.p99_ms.toFixed(1)} ms, lost ${point.lost}, other ${point.other}`,
      );
    }
  }
  writeFileSync(out, page(points, capacity, run));
  writeFileSync(out.replace(/\.md$/, ".svg"), await plot(points));
  console.log(`wrote ${out}`);
}

/** What the service writes when 64 callers post as fast as it answers. */
async function measureCapacity(seconds: number): Promise<number> {
  const running = await startWorkerd(SERVICE);
  const { url, token } = running;
  const settings = {
    url,
    token,
    results: RESULTS,
    status: 201 as const,
    connections: 64,
    seconds,
  };
  await load({ ...settings, seconds: WARM_SECONDS });
  const { perSecond } = await load(settings);
  await running.stop();
  return perSecond;
}

async function offer(share: number, rate: number, seconds: number): Promise<Point> {
  const running = await startWorkerd(SERVICE, { variables: VARIABLES });
  try {
    const { url, token } = running;
    const settings = { url, token, results: RESULTS, status: 201 as const };
    await load({ ...settings, connections: 16, seconds: WARM_SECONDS });
    const before = (await running.written?.()) ?? 0;
    const answers = await load({ ...settings, connections: CONNECTIONS, rate, seconds });
    const written = ((await running.written?.()) ?? 0) - before;
    return {
      share,
      offered: rate,
      written: answers.perSecond,
      shed: answers.shed / answers.seconds,
      other: answers.failed,
      p50_ms: answers.p50_ms,
      p99_ms: answers.p99_ms,
      lost: Math.max(0, answers.succeeded - written),
    };
  } finally {
    await running.stop();
  }
}

function page(points: readonly Point[], capacity: number, run: Run): string {
  const heads = ["offered ÷ capacity", "offered/s", "written/s", "shed/s", "p50 ms", "p99 ms"];
  const rows = SHARES.map((share) => {
    const own = points.filter((point) => point.share === share);
    const middle = (of: (point: Point) => number, digits = 0) =>
      median(own.map(of)).toFixed(digits);
    return [
      String(share),
      middle((point) => point.offered),
      middle((point) => point.written),
      middle((point) => point.shed),
      middle((point) => point.p50_ms, 1),
      middle((point) => point.p99_ms, 1),
    ];
  });
  const lost = points.reduce((sum, point) => sum + point.lost, 0);
  const other = points.reduce((sum, point) => sum + point.other, 0);
  return `# Saturation

Written by \`${run.command}\`: ${run.rounds} rounds of ${run.seconds} s a rate. Uploads of 100 results arrive
at random moments (Poisson) at a given average rate, over ${CONNECTIONS} connections, whether the service
keeps up or not. Its capacity, ${capacity.toFixed(0)} batches a second, is what it wrote before, when 64 callers
posted as fast as it answered. It is set to hold one megabyte of uploads at once
(\`UPLOADS_IN_MEMORY_BYTES\`), about 60 of these; the default is 24 MiB, for which this machine's load
generator cannot hold enough connections. Medians.

${machine()}

![Latency and shedding](benchmarks-saturation.svg)

${table(heads, rows)}

Answered 201 and not in D1: ${lost}. Neither 201 nor 503: ${other}.
`;
}

function plot(points: readonly Point[]): Promise<string> {
  const values = SHARES.flatMap((share) => {
    const own = points.filter((point) => point.share === share);
    const of = (what: string, get: (point: Point) => number) => ({
      share,
      what,
      value: median(own.map(get)),
    });
    return [
      { ...of("written", (point) => point.written), panel: "batches/s" },
      { ...of("shed (503)", (point) => point.shed), panel: "batches/s" },
      { ...of("p50 of 201", (point) => point.p50_ms), panel: "ms" },
      { ...of("p99 of 201", (point) => point.p99_ms), panel: "ms" },
    ];
  });
  return chart({
    data: { values },
    hconcat: ["batches/s", "ms"].map((panel) => ({
      width: 300,
      height: 220,
      transform: [{ filter: `datum.panel === '${panel}'` }],
      mark: { type: "line", point: true },
      encoding: {
        x: { field: "share", type: "quantitative", title: "offered ÷ capacity" },
        y: { field: "value", type: "quantitative", title: panel },
        color: { field: "what", type: "nominal", title: null },
      },
    })),
    resolve: { scale: { color: "independent" } },
  });
}
