import { type Bill, PRICE_LISTS, PRICES } from "./bill.ts";
import { chart } from "./chart.ts";
import { DIRECT_LEAN } from "./contestants.ts";
import type { Shot } from "./measure.ts";
import { machine, ranged, type Run, shown, table } from "./page.ts";
import { POSTGRES, skipped } from "./postgres.ts";
import { median, ratios } from "./statistics.ts";

/** How fast a backlog was written. */
export interface Drain {
  databases: number;
  rowsPerSecond: number;
}

/** Everything a run has measured. */
export interface Measurements extends Run {
  /** Rounds at the bar's setting. */
  barRounds: number;
  shots: readonly Shot[];
  /** limit-sqlite, rows per second, each round. */
  sqlite: readonly number[];
  drains: readonly Drain[];
  bills: readonly Bill[];
}

/** The page: the bar first, then each setting, then the bill. */
export function report(measured: Measurements): string {
  const { shots, rounds, barRounds, seconds, command } = measured;
  const faults = shots.reduce((sum, shot) => sum + shot.failed + shot.missing, 0);
  return `# Benchmarks

Written by \`${command}\`: ${barRounds} rounds at the bar's setting and ${rounds} at the others, of ${seconds} s a shot, contestants
interleaved in each round, each started anew on an empty disk. Medians, with the least and the greatest in
brackets; a ratio is one of two shots of the same round, since this machine's speed differs from round to round.
Requests that failed, and accepted batches that were not written in time: ${faults}. 0 batches/s: none
was answered within a shot. Millrace runs with one ledger shard, as in local development, unless its
name says otherwise. Workers are called on a socket of their own, without a proxy of the simulator's.
See also [growth](benchmarks-growth.md) and [saturation](benchmarks-saturation.md).

${machine()}
${skipped ? `\n**fastify+postgres, fastify+pg-boss:** ${skipped}\n` : ""}
![Throughput](benchmarks.svg)

## The bar: 100 results a batch, 16 connections

What the project was asked to reach, and what it did in this run:

${barTable(measured)}

${careLine(shots)}

- **direct** is what people write today: a Worker that checks the upload, inserts the run, and then
  its results row by row in one \`batch()\`, while the caller waits. Its tables have an index for
  each column that people look for (run, recipe, result), so a result costs four written rows.
- **direct with care** inserts run and results in one transaction, into Millrace's own tables.
- **limit-http** is the same runtime that reads the body and answers 201. **limit-sqlite** is
  node:sqlite writing the same rows with prepared statements, 100 batches a transaction.
- **fastify+postgres** is Fastify with one set-based statement on PostgreSQL, tuned, with its default
  durability; **fastify+pg-boss** queues there first. Their server may use both cores at once, where
  workerd has one thread.

## Side by side

Millrace's figure divided by the other's, at each setting:

${ratioTable(shots)}

${settingsOf(shots)
  .map((setting) => settingTable(shots, setting))
  .join("\n\n")}

## Writing a backlog

Tickets are held back for the length of a shot and then let go: 100 results a batch, accepted over
16 connections. limit-sqlite writes ${ranged(measured.sqlite)} rows/s.

${drainTable(measured)}

## The bill

Rows written as \`meta.rows_written\` and \`cursor.rowsWritten\` report them locally; a queue message
is three operations. Dollars beyond what the paid plan includes, at $${PRICES.d1Row} (D1 rows),
$${PRICES.ledgerRow} (ledger rows), $${PRICES.ledgerRequest} (ledger requests), $${PRICES.queueOperation} (queue operations) and
$${PRICES.request} (requests) a million. CPU time, ledger duration, storage and the consumer's own requests are not in it.
Prices: ${PRICE_LISTS.join(", ")}.

${billTable(measured.bills)}
`;
}

interface Setting {
  results: number;
  connections: number;
}

function settingsOf(shots: readonly Shot[]): Setting[] {
  const settings = new Map<string, Setting>();
  for (const { results, connections } of shots) {
    settings.set(`${results}/${connections}`, { results, connections });
  }
  return [...settings.values()];
}

/** The shots of one row of a table. */
function shotsOf(shots: readonly Shot[], name: string, status: number, setting: Setting): Shot[] {
  return shots.filter(
    (shot) =>
      shot.contestant === name &&
      shot.status === status &&
      shot.results === setting.results &&
      shot.connections === setting.connections,
  );
}

const perSecond = (shot: Shot): number => shot.perSecond;
const p50 = (shot: Shot): number => shot.p50_ms;

const BAR = { results: 100, connections: 16 };

/** Millrace's throughput and latency divided by those of another contestant that answers once it has written, one a round. */
function against(shots: readonly Shot[], name: string, setting: Setting) {
  const own = (status: number) => shotsOf(shots, "millrace", status, setting);
  const other = shotsOf(shots, name, 201, setting);
  return {
    committed: ratios(own(201).map(perSecond), other.map(perSecond)),
    p50: ratios(own(201).map(p50), other.map(p50)),
    accepted: ratios(own(202).map(perSecond), other.map(perSecond)),
  };
}

/** The same ratios against the stronger of the two direct Workers, where it was measured. */
function careLine(shots: readonly Shot[]): string {
  const care = against(shots, DIRECT_LEAN.name, BAR);
  if (!Number.isFinite(median(care.committed))) return "";
  return `Against **${DIRECT_LEAN.name}**: committed ${ranged(care.committed, 2)}, its p50 ${ranged(care.p50, 2)}, accepted ${ranged(care.accepted, 2)}.`;
}

function ratioTable(shots: readonly Shot[]): string {
  const rows = settingsOf(shots).map((setting) => {
    const direct = against(shots, "direct", setting);
    const postgres = against(shots, POSTGRES, setting);
    return [
      `${setting.results} results, ${setting.connections} connections`,
      ...[direct.committed, direct.p50, direct.accepted, postgres.committed].map((values) =>
        ranged(values, 2),
      ),
    ];
  });
  const heads = [
    "",
    "committed ÷ direct",
    "its p50 ÷ direct's",
    "accepted ÷ direct",
    `committed ÷ ${POSTGRES}`,
  ];
  return table(heads, rows);
}

function barTable({ shots, sqlite, drains, bills }: Measurements): string {
  const hundred = bills.find((bill) => bill.results === 100);
  const direct = against(shots, "direct", BAR);
  const postgres = against(shots, POSTGRES, BAR).committed;
  const rows = [
    ["committed throughput ÷ direct", "≥ 4", ranged(direct.committed, 2)],
    ["committed p50 ÷ direct p50", "≤ 0.25", ranged(direct.p50, 2)],
    ["accepted throughput ÷ direct", "≥ 6", ranged(direct.accepted, 2)],
    ["drain rows/s ÷ limit-sqlite", "≥ 0.5", ranged(ratios(drainsOf(drains, 1), sqlite), 2)],
    [`committed throughput ÷ ${POSTGRES}`, "≥ 0.8", ranged(postgres, 2)],
    ["D1 rows written per result", "≤ 3", shown((hundred?.d1Rows ?? Number.NaN) / 100, 2)],
    ["ledger rows written per batch", "≤ 5", shown(hundred?.ledgerRows ?? Number.NaN, 2)],
  ];
  return table(["", "must reach", "measured"], rows);
}

function drainsOf(drains: readonly Drain[], databases: number): number[] {
  return drains.filter((one) => one.databases === databases).map((one) => one.rowsPerSecond);
}

function drainTable({ drains, sqlite }: Measurements): string {
  const counts = [...new Set(drains.map(({ databases }) => databases))];
  const rows = counts.map((databases) => {
    const own = drainsOf(drains, databases);
    return [String(databases), ranged(own), ranged(ratios(own, sqlite), 2)];
  });
  return table(["databases", "rows/s", "÷ limit-sqlite"], rows);
}

function settingTable(shots: readonly Shot[], setting: Setting): string {
  const names = [...new Set(shots.map((shot) => shot.contestant))];
  const rows = names.flatMap((name) =>
    [201, 202].flatMap((status) => {
      const own = shotsOf(shots, name, status, setting);
      if (own.length === 0) return [];
      return [
        [
          name,
          status === 201 ? "committed" : "accepted",
          ranged(own.map((shot) => shot.perSecond)),
          ranged(
            own.map((shot) => shot.p50_ms),
            1,
          ),
          ranged(
            own.map((shot) => shot.p99_ms),
            1,
          ),
          ranged(own.map((shot) => shot.drainRowsPerSecond)),
          shown(median(own.map((shot) => shot.cpuPerBatch_ms)), 2),
          shown(median(own.map((shot) => shot.peak_mb)), 0),
        ],
      ];
    }),
  );
  const heads = [
    "",
    "",
    "batches/s",
    "p50 ms",
    "p99 ms",
    "drain rows/s",
    "CPU ms/batch",
    "peak MB",
  ];
  return `### ${setting.results} results, ${setting.connections} connections\n\n${table(heads, rows)}`;
}

function billTable(bills: readonly Bill[]): string {
  const heads = [
    "results a batch",
    "D1 rows",
    "ledger rows",
    "ledger requests",
    "queue operations",
    "$ per million batches",
    "$ per million results",
  ];
  const rows = bills.map((bill) => [
    String(bill.results),
    ...[bill.d1Rows, bill.ledgerRows, bill.ledgerRequests, bill.queueOperations].map((value) =>
      shown(value, 2),
    ),
    shown(bill.dollarsPerMillionBatches, 2),
    shown(bill.dollarsPerMillionResults, 2),
  ]);
  return table(heads, rows);
}

/** Bars of the throughput at the bar's setting, as SVG. */
export function plot(shots: readonly Shot[]): Promise<string> {
  const groups = Map.groupBy(
    shots.filter(
      ({ results, connections }) => results === BAR.results && connections === BAR.connections,
    ),
    (shot) => `${shot.contestant}, ${shot.status === 201 ? "committed" : "accepted"}`,
  );
  const values = [...groups].map(([label, own]) => ({
    label,
    value: median(own.map((shot) => shot.perSecond)),
    ours: label.startsWith("millrace"),
  }));
  return chart({
    title: "Batches per second (100 results, 16 connections)",
    data: { values },
    width: 480,
    height: { step: 24 },
    encoding: {
      y: { field: "label", type: "nominal", sort: null, title: null, axis: { labelLimit: 300 } },
      x: { field: "value", type: "quantitative", title: "batches/s" },
    },
    layer: [
      {
        mark: "bar",
        encoding: {
          color: {
            field: "ours",
            type: "nominal",
            legend: null,
            scale: { domain: [true, false], range: ["#d9730d", "#7a8694"] },
          },
        },
      },
      {
        mark: { type: "text", align: "left", dx: 4 },
        encoding: { text: { field: "value", type: "quantitative", format: ".0f" } },
      },
    ],
  });
}
