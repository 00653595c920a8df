import { chart } from "./chart.ts";
import { DIRECT, DIRECT_SET_BASED, MILLRACE } from "./contestants.ts";
import { counted, machine, ranged, type Run, table } from "./page.ts";
import { fastifyContestant, skipped } from "./postgres.ts";
import { BOUNDED, CALLERS, CONNECTIONS, type Point, RUNNERS, SHARES } from "./saturation.ts";
import { median, ratios } from "./statistics.ts";

const POSTGRES = fastifyContestant.name;

/** The page: how latency grows, then each contestant. */
export function saturationPage(points: readonly Point[], run: Run): string {
  return `# Saturation

Written by \`${run.command}\`: ${counted(run.rounds, "round")} of ${run.seconds} s for each rate.
Uploads of 100 results arrive at random moments (Poisson) at a given average rate, over ${CONNECTIONS} connections,
whether the contestant keeps up or not. Latency counts from the moment when an upload was due. "Written" and
"shed" are per second, up to the last answer. Figures are medians, with the least and the greatest in brackets.

A rate is a share of the contestant's own capacity, so at the same share one contestant is offered more than
another. The capacity is what it wrote just before, in the same round, when ${CALLERS} callers posted as fast as it
answered. The same client (\`node:http\`) measures the capacity and offers the rates.
[The benchmarks](benchmarks.md) use another one (autocannon), so their rates cannot be compared with these.

${machine()}
${skipped ? `\n**${POSTGRES}:** ${skipped}\n` : ""}
![What is written, and its latency](benchmarks-saturation.svg)

**${DIRECT.name}**, **${DIRECT_SET_BASED.name}** and **${POSTGRES}** are those of [the benchmarks](benchmarks.md), and shed nothing.
**${MILLRACE.name}** is the service with the default of 24 MiB, one ledger shard, no rate limit: an isolate holds 24
MiB of uploads at once, more than ${CONNECTIONS} of these, so it sheds nothing here either. **${BOUNDED.name}** holds one
megabyte, about 67 of these (\`UPLOADS_IN_MEMORY_BYTES\`), and shows how it sheds: what is beyond is answered \`503\`
with \`Retry-After\`, and is in no latency. If nothing is shed, callers queue, and beyond the capacity latency
grows for as long as the load lasts, ${run.seconds} s here.

## Latency

The median latency of a \`201\` in milliseconds, and the median of the rates that were offered:

${latencyTable(points)}

${comparisons(points)}

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

function latencyTable(points: readonly Point[]): string {
  const rows = SHARES.map((share) => [
    String(share),
    ...RUNNERS.map(({ name }) => {
      const own = at(of(points, name), share);
      return `${ranged(own.map(p50))} at ${median(own.map(({ offered }) => offered)).toFixed(0)}/s`;
    }),
  ]);
  return table(["offered ÷ capacity", ...RUNNERS.map(({ name }) => name)], rows);
}

/** At which rates callers of Millrace wait longer than callers of each of the others. */
function comparisons(points: readonly Point[]): string {
  const medianOf = (name: string, share: number) => median(at(of(points, name), share).map(p50));
  const others = RUNNERS.filter(({ name }) => name !== MILLRACE.name && name !== BOUNDED.name);
  const lines = others.map(({ name }) => {
    const worse = SHARES.filter((share) => medianOf(MILLRACE.name, share) > medianOf(name, share));
    const where =
      worse.length === 0
        ? "at no rate"
        : worse.length === SHARES.length
          ? "at every rate"
          : `at ${worse.join(", ")}`;
    return `- worse than **${name}**'s ${where}.`;
  });
  return `The median latency of **${MILLRACE.name}** is worse than that of others, each at the same share of its own capacity:

${lines.join("\n")}`;
}

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

/** What is written, and its latency, as SVG. */
export function saturationPlot(points: readonly Point[]): Promise<string> {
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
