import { readFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { type Bill, PRICE_LISTS, PRICES } from "./bill.ts";
import type { Shot } from "./measure.ts";
import { skipped } from "./postgres.ts";
import { median, spread } from "./statistics.ts";

/** Everything a run has measured. */
export interface Measurements {
  shots: readonly Shot[];
  /** limit-sqlite, rows per second, each round. */
  sqlite: readonly number[];
  bills: readonly Bill[];
  rounds: number;
  seconds: number;
  command: string;
}

/** The page: the bar first, then each setting, then the bill. */
export function report(measured: Measurements): string {
  const { shots, rounds, seconds, command } = measured;
  const faults = shots.reduce((sum, shot) => sum + shot.failed + shot.missing, 0);
  return `# Benchmarks

Written by \`${command}\`: ${rounds} rounds of ${seconds} s a shot, contestants interleaved in each
round, each started anew on an empty disk. Medians, with the least and the greatest in brackets.
Requests that failed, and accepted batches that were not written in time: ${faults}.

${machine()}
${skipped ? `\n**fastify+postgres, fastify+pg-boss:** ${skipped}\n` : ""}
![Throughput](benchmarks.svg)

## The bar: 100 results a batch, 16 connections

${barTable(measured)}

## Side by side

${settingsOf(shots)
  .map((setting) => settingTable(shots, setting))
  .join("\n\n")}

limit-sqlite, 100 results a batch: ${ranged(measured.sqlite)} rows/s.

## The bill

Rows written as \`meta.rows_written\` and \`cursor.rowsWritten\` report them locally; a queue message
is three operations. Dollars beyond what the paid plan includes, at $${PRICES.d1Row} (D1 rows),
$${PRICES.ledgerRow} (ledger rows), $${PRICES.ledgerRequest} (ledger requests), $${PRICES.queueOperation} (queue operations) and
$${PRICES.request} (requests) a million. CPU time, ledger duration, storage and the consumer's own requests are not in it.
Prices: ${PRICE_LISTS.join(", ")}.

${billTable(measured.bills)}
`;
}

function machine(): string {
  const [cpu] = cpus();
  const memory = (totalmem() / 2 ** 30).toFixed(0);
  const versions = [
    "workerd",
    "wrangler",
    "miniflare",
    "autocannon",
    "fastify",
    "pg",
    "pg-boss",
  ].map((name) => `${name} ${versionOf(name)}`);
  return `Machine: ${cpus().length} × ${cpu?.model ?? "unknown"}, ${memory} GB, Linux ${release()}. Load generator, service and database share it.
Versions: Node ${process.versions.node}, SQLite ${process.versions.sqlite ?? "unknown"}, ${versions.join(", ")}.`;
}

function versionOf(name: string): string {
  const { version } = JSON.parse(readFileSync(`node_modules/${name}/package.json`, "utf8"));
  return String(version);
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

function barTable({ shots, sqlite, bills }: Measurements): string {
  const setting = { results: 100, connections: 16 };
  const middle = (name: string, status: number, of: (shot: Shot) => number) =>
    median(shotsOf(shots, name, status, setting).map(of));
  const hundred = bills.find((bill) => bill.results === 100);
  const direct = middle("direct", 201, perSecond);
  const lines: [what: string, goal: string, value: number][] = [
    ["committed throughput ÷ direct", "≥ 4", middle("millrace", 201, perSecond) / direct],
    [
      "committed p50 ÷ direct p50",
      "≤ 0.25",
      middle("millrace", 201, p50) / middle("direct", 201, p50),
    ],
    ["accepted throughput ÷ direct", "≥ 6", middle("millrace", 202, perSecond) / direct],
    [
      "drain rows/s ÷ limit-sqlite",
      "≥ 0.5",
      middle("millrace", 202, (shot) => shot.drainRowsPerSecond) / median(sqlite),
    ],
    [
      "committed throughput ÷ fastify+postgres",
      "≥ 0.8",
      middle("millrace", 201, perSecond) / middle("fastify+postgres", 201, perSecond),
    ],
    ["D1 rows written per result", "≤ 3", (hundred?.d1Rows ?? Number.NaN) / 100],
    ["ledger rows written per batch", "≤ 5", hundred?.ledgerRows ?? Number.NaN],
  ];
  return table(
    ["", "must reach", "measured"],
    lines.map(([what, goal, value]) => [what, goal, shown(value, 2)]),
  );
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

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}

function ranged(values: readonly number[], digits = 0): string {
  const [least, greatest] = spread(values);
  const middle = median(values);
  if (!Number.isFinite(middle)) return "–";
  return `${shown(middle, digits)} (${shown(least, digits)}–${shown(greatest, digits)})`;
}

function shown(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : "–";
}

function line(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}
