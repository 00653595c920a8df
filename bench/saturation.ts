import { writeFileSync } from "node:fs";
import { chart } from "./chart.ts";
import type { Contestant, Running } from "./contestant.ts";
import { CONTESTANTS } from "./contestants.ts";
import { load } from "./load.ts";
import { WARM_SECONDS } from "./measure.ts";
import { machine, ranged, type Run, shown, table } from "./page.ts";
import { POSTGRES, skipped } from "./postgres.ts";
import { median } from "./statistics.ts";
import { SERVICE, startWorkerd } from "./workerd.ts";

const RESULTS = 100;
/** Shares of what a contestant can take. */
const SHARES = [0.25, 0.5, 0.75, 0.9, 1, 1.25, 1.5];
/** Long beside the answers of the slowest, of which the last are cut off. */
const CAPACITY_SECONDS = 5;
/** Enough that callers who wait do not keep new ones from coming. */
const CONNECTIONS = 1_000;
/** About 60 uploads at once, so that this machine reaches it with the connections it can hold. */
const VARIABLES = { UPLOADS_IN_MEMORY_BYTES: "1000000" };

const MILLRACE: Contestant = {
  name: "millrace",
  answers: [201],
  start: () => startWorkerd(SERVICE, { variables: VARIABLES }),
};

/** Those who answer when the batch is written. */
const SATURATED = [
  MILLRACE,
  ...CONTESTANTS.filter(({ name }) => name === "direct" || name === POSTGRES),
];

interface Point {
  contestant: string;
  share: number;
  offered: number;
  written: number;
  shed: number;
  other: number;
  p50_ms: number;
  p99_ms: number;
  /** Answered 201 and not in the tables. */
  lost: number;
}

/** More and more uploads a second, whether a contestant keeps up or not. */
export async function measureSaturation(run: Run, out: string): Promise<void> {
  const points: Point[] = [];
  for (let round = 1; round <= run.rounds; round++) {
    for (const contestant of SATURATED) {
      console.log(`round ${round}: ${contestant.name}`);
      points.push(...(await saturate(contestant, run.seconds)));
    }
  }
  writeFileSync(out, page(points, run));
  writeFileSync(out.replace(/\.md$/, ".svg"), await plot(points));
  console.log(`wrote ${out}`);
}

/** Shares of its capacity, which is measured just before: this machine's speed differs from minute to minute. */
async function saturate(contestant: Contestant, seconds: number): Promise<Point[]> {
  const running = await contestant.start();
  try {
    const { url, token } = running;
    const settings = { url, token, results: RESULTS, status: 201 as const, connections: 64 };
    await load({ ...settings, seconds: WARM_SECONDS });
    const { perSecond: capacity } = await load({ ...settings, seconds: CAPACITY_SECONDS });
    const points: Point[] = [];
    for (const share of SHARES) {
      const point = await offer(running, Math.round(capacity * share), seconds);
      points.push({ contestant: contestant.name, share, ...point });
      console.log(
        `${point.offered}/s offered: ${point.written.toFixed(0)}/s written, ${point.shed.toFixed(0)}/s shed,`,
        `p50 ${point.p50_ms.toFixed(1)} ms, p99 ${point.p99_ms.toFixed(1)} ms, lost ${point.lost}, other ${point.other}`,
      );
    }
    return points;
  } finally {
    await running.stop();
  }
}

async function offer(running: Running, rate: number, seconds: number) {
  const { url, token } = running;
  const before = (await running.written?.()) ?? 0;
  const answers = await load({
    url,
    token,
    results: RESULTS,
    status: 201,
    connections: CONNECTIONS,
    rate,
    seconds,
  });
  const written = ((await running.written?.()) ?? 0) - before;
  return {
    offered: rate,
    written: answers.perSecond,
    shed: answers.shed / answers.seconds,
    other: answers.failed,
    p50_ms: answers.p50_ms,
    p99_ms: answers.p99_ms,
    lost: Math.max(0, answers.succeeded - written),
  };
}

function page(points: readonly Point[], run: Run): string {
  const sum = (of: (point: Point) => number) =>
    points.reduce((total, point) => total + of(point), 0);
  return `# Saturation

Written by \`${run.command}\`: ${run.rounds} rounds of ${run.seconds} s a rate. Uploads of 100 results arrive
at random moments (Poisson) at a given average rate, over ${CONNECTIONS} connections, whether the contestant
keeps up or not. Rates are shares of its capacity: what it wrote just before, in the same round, when 64
callers posted as fast as it answered. Medians, with the least and the greatest in brackets.

${machine()}
${skipped ? `\n**${POSTGRES}:** ${skipped}\n` : ""}
![Latency and shedding](benchmarks-saturation.svg)

## Millrace

${ownTable(points.filter(({ contestant }) => contestant === MILLRACE.name))}

It is set to hold one megabyte of uploads at once (\`UPLOADS_IN_MEMORY_BYTES\`), about 60 of these; the
default is 24 MiB, for which this machine's load generator cannot hold enough connections.

## Beside the others

The median latency of what was answered \`201\`, and how many times that contestant's own at a quarter of its
capacity. Where offered and written part, those without shedding let callers queue: their latency has no
bound, and grows for as long as the load lasts, ${run.seconds} s here.

${besideTable(points)}

Answered 201 and not in the tables, all contestants: ${sum(({ lost }) => lost)}. Neither 201 nor 503: ${sum(({ other }) => other)}.
`;
}

function ownTable(points: readonly Point[]): string {
  const heads = ["offered ÷ capacity", "offered/s", "written/s", "shed/s", "p50 ms", "p99 ms"];
  const rows = SHARES.map((share) => {
    const own = points.filter((point) => point.share === share);
    return [
      String(share),
      median(own.map(({ offered }) => offered)).toFixed(0),
      median(own.map(({ written }) => written)).toFixed(0),
      median(own.map(({ shed }) => shed)).toFixed(0),
      ranged(own.map(({ p50_ms }) => p50_ms)),
      ranged(own.map(({ p99_ms }) => p99_ms)),
    ];
  });
  return table(heads, rows);
}

function besideTable(points: readonly Point[]): string {
  const [least] = SHARES;
  const rows = SHARES.map((share) => [
    String(share),
    ...SATURATED.map(({ name }) => {
      const own = points.filter(({ contestant }) => contestant === name);
      const p50_ms = middle(own, share, latency);
      const times = p50_ms / middle(own, least ?? 0, latency);
      const offered = shown(middle(own, share, rate), 0);
      return `${shown(p50_ms, 0)} ms at ${offered}/s, ${shown(times, 1)} ×`;
    }),
  ]);
  return table(["offered ÷ capacity", ...SATURATED.map(({ name }) => name)], rows);
}

const latency = (point: Point): number => point.p50_ms;
const rate = (point: Point): number => point.offered;

/** The median over the rounds. */
function middle(points: readonly Point[], share: number, of: (point: Point) => number): number {
  return median(points.filter((point) => point.share === share).map(of));
}

function plot(points: readonly Point[]): Promise<string> {
  const of = (name: string) => points.filter(({ contestant }) => contestant === name);
  const rates = SHARES.flatMap((share) => {
    const offered = middle(of(MILLRACE.name), share, rate);
    const values = (what: string, get: (point: Point) => number) => ({
      offered,
      what,
      value: middle(of(MILLRACE.name), share, get),
    });
    return [
      values("written", ({ written }) => written),
      values("shed (503)", ({ shed }) => shed),
      values("offered", rate),
    ];
  });
  const latencies = SATURATED.flatMap(({ name }) =>
    SHARES.map((share) => ({
      offered: middle(of(name), share, rate),
      what: name,
      value: middle(of(name), share, latency),
    })),
  );
  const x = { field: "offered", type: "quantitative", title: "offered, batches/s" } as const;
  const color = { field: "what", type: "nominal", title: null } as const;
  const panel = { width: 300, height: 220, mark: { type: "line", point: true } } as const;
  const log = { type: "log" } as const;
  return chart({
    hconcat: [
      {
        ...panel,
        title: "Millrace",
        data: { values: rates },
        encoding: { x, y: { field: "value", type: "quantitative", title: "batches/s" }, color },
      },
      {
        ...panel,
        title: "Latency",
        data: { values: latencies },
        encoding: {
          x,
          y: { field: "value", type: "quantitative", title: "p50 of 201, ms", scale: log },
          color,
        },
      },
    ],
    resolve: { scale: { color: "independent" } },
  });
}
