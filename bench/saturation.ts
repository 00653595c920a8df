import { writeFileSync } from "node:fs";
import { chart } from "./chart.ts";
import type { Contestant, Running } from "./contestant.ts";
import { CONTESTANTS } from "./contestants.ts";
import { load } from "./load.ts";
import { drain, WARM_SECONDS, writtenBy } from "./measure.ts";
import { machine, ranged, type Run, table } from "./page.ts";
import { POSTGRES, skipped } from "./postgres.ts";
import { median, ratios, rotated } from "./statistics.ts";
import { SERVICE, startWorkerd } from "./workerd.ts";

const RESULTS = 100;
/** Shares of what a contestant can take. The first is what the others are compared with. */
const SHARES = [0.25, 0.5, 0.75, 0.9, 1, 1.25, 1.5] as const;
/** Callers at a time while its capacity is measured: fewer than any of them sheds. */
const CALLERS = 64;
/** So long that what the end of the load cuts off matters little. */
const CAPACITY_SECONDS = 5;
/** Enough that callers who wait do not keep new ones from coming. */
const CONNECTIONS = 1_000;

/** Holds about 67 uploads at once, so that this machine can offer more than it takes. */
const BOUNDED: Contestant = {
  name: "millrace, 1 MB",
  answers: [201],
  start: () => startWorkerd(SERVICE, { variables: { UPLOADS_IN_MEMORY_BYTES: "1000000" } }),
};

const ASKED = new Set(["millrace", "direct", POSTGRES]);
const RUNNERS = [BOUNDED, ...CONTESTANTS.filter(({ name }) => ASKED.has(name))];

/** One rate of one contestant in one round. */
interface Point {
  contestant: string;
  share: number;
  /** A second of the load: what was posted. Written (answered 201) and shed are a second until the last answer. */
  offered: number;
  written: number;
  shed: number;
  /** Answered neither 201 nor 503. */
  other: number;
  /** Answered 201 and not in the tables. */
  lost: number;
  p50_ms: number;
  p99_ms: number;
}

/** More and more uploads a second, whether a contestant keeps up or not. */
export async function measureSaturation(run: Run, out: string): Promise<void> {
  const points: Point[] = [];
  for (let round = 1; round <= run.rounds; round++) {
    for (const contestant of rotated(RUNNERS, round)) {
      console.log(`round ${round}: ${contestant.name}`);
      // There and back, so that no rate always comes last.
      const shares = round % 2 === 1 ? SHARES : SHARES.toReversed();
      points.push(...(await saturate(contestant, shares, run.seconds)));
    }
  }
  writeFileSync(out, page(points, run));
  writeFileSync(out.replace(/\.md$/, ".svg"), await plot(points));
  console.log(`wrote ${out}`);
}

/** Shares of its capacity, which is measured just before: this machine's speed differs from minute to minute. */
async function saturate(
  contestant: Contestant,
  shares: readonly number[],
  seconds: number,
): Promise<Point[]> {
  const running = await contestant.start();
  try {
    const { url, token } = running;
    const settings = { url, token, results: RESULTS, status: 201 as const, connections: CALLERS };
    await load({ ...settings, seconds: WARM_SECONDS });
    await drain(running, RESULTS, 0);
    const { perSecond: capacity } = await load({ ...settings, seconds: CAPACITY_SECONDS });
    // What the end of that load cut off is written then, and counts for no rate.
    await drain(running, RESULTS, 0);
    const points: Point[] = [];
    for (const share of shares) {
      const point = await offer(running, capacity * share, seconds);
      points.push({ contestant: contestant.name, share, ...point });
      console.log(
        `${share}: ${point.offered.toFixed(0)}/s offered, ${point.written.toFixed(0)}/s written, ${point.shed.toFixed(0)}/s shed,`,
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
  const before = await writtenBy(running);
  const settings = { url, token, results: RESULTS, status: 201 as const };
  const answers = await load({ ...settings, connections: CONNECTIONS, rate, seconds });
  const written = (await writtenBy(running)) - before;
  const { succeeded, shed, failed, p50_ms, p99_ms } = answers;
  return {
    offered: (succeeded + shed + failed) / seconds,
    written: answers.perSecond,
    shed: shed / answers.seconds,
    other: failed,
    lost: Math.max(0, succeeded - written),
    p50_ms,
    p99_ms,
  };
}

function page(points: readonly Point[], run: Run): string {
  return `# Saturation

Written by \`${run.command}\`: ${run.rounds} rounds of ${run.seconds} s a rate. Uploads of 100 results arrive
at random moments (Poisson) at a given average rate, over ${CONNECTIONS} connections, whether the contestant
keeps up or not; latency counts from the moment when an upload was due; "written" and "shed" are a second, up to the
last answer. Rates are shares of the contestant's capacity: what it wrote just before, in the same round, when
${CALLERS} callers posted as fast as it answered, from a load generator that takes less of the two cores. Medians, with the least and the greatest in brackets.

${machine()}
${skipped ? `\n**${POSTGRES}:** ${skipped}\n` : ""}
![What is written, and its latency](benchmarks-saturation.svg)

**direct** and **${POSTGRES}** are those of [the benchmarks](benchmarks.md), and shed nothing. **millrace** is the
service as it is deployed: an isolate holds 24 MiB of uploads at once, more than ${CONNECTIONS} of these, so it
sheds nothing here either. **${BOUNDED.name}** holds one megabyte, about 67 of these
(\`UPLOADS_IN_MEMORY_BYTES\`), and shows how it sheds: what is beyond is answered \`503\` with \`Retry-After\`,
and is in no latency. Where nothing is shed, callers queue, and latency grows for as long as the load lasts, ${run.seconds} s here.

## How much latency grows

The median latency of a \`201\`, divided by the same contestant's at a quarter of its capacity in the same round:

${growthTable(points)}

${RUNNERS.map(({ name }) => section(name, of(points, name))).join("\n\n")}
`;
}

const of = (points: readonly Point[], name: string): Point[] =>
  points.filter(({ contestant }) => contestant === name);

const at = (points: readonly Point[], share: number): Point[] =>
  points.filter((point) => point.share === share);

const p50 = (point: Point): number => point.p50_ms;

function growthTable(points: readonly Point[]): string {
  const rows = SHARES.map((share) => [
    String(share),
    ...RUNNERS.map(({ name }) => {
      const own = of(points, name);
      return ranged(ratios(at(own, share).map(p50), at(own, SHARES[0]).map(p50)), 1);
    }),
  ]);
  return table(["offered ÷ capacity", ...RUNNERS.map(({ name }) => name)], rows);
}

function section(name: string, points: readonly Point[]): string {
  const heads = ["offered ÷ capacity", "offered/s", "written/s", "shed/s", "p50 ms", "p99 ms"];
  const rows = SHARES.map((share) => {
    const own = at(points, share);
    return [
      String(share),
      ranged(own.map(({ offered }) => offered)),
      ranged(own.map(({ written }) => written)),
      ranged(own.map(({ shed }) => shed)),
      ranged(own.map(p50)),
      ranged(own.map(({ p99_ms }) => p99_ms)),
    ];
  });
  const sum = (get: (point: Point) => number) =>
    points.reduce((total, point) => total + get(point), 0);
  return `## ${name}

${table(heads, rows)}

Answered 201 and not in the tables: ${sum(({ lost }) => lost)}. Neither 201 nor 503: ${sum(({ other }) => other)}.`;
}

function plot(points: readonly Point[]): Promise<string> {
  const values = RUNNERS.flatMap(({ name }) =>
    SHARES.map((share) => {
      const own = at(of(points, name), share);
      return {
        name,
        offered: median(own.map(({ offered }) => offered)),
        written: median(own.map(({ written }) => written)),
        p50: median(own.map(p50)),
      };
    }),
  );
  const x = { field: "offered", type: "quantitative", title: "offered, batches/s" } as const;
  const color = { field: "name", type: "nominal", title: null, sort: null } as const;
  const panel = { width: 320, height: 240, mark: { type: "line", point: true } } as const;
  return chart({
    data: { values },
    hconcat: [
      {
        ...panel,
        encoding: {
          x,
          y: { field: "written", type: "quantitative", title: "written, batches/s" },
          color,
        },
      },
      {
        ...panel,
        encoding: {
          x,
          y: {
            field: "p50",
            type: "quantitative",
            title: "p50 of 201, ms",
            scale: { type: "log" },
          },
          color,
        },
      },
    ],
  });
}
