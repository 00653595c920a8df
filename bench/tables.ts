import type { Bill } from "./bill.ts";
import { compared, measurementsOf, roundsAt, settingsOf } from "./comparison.ts";
import { DIRECT, DIRECT_SET_BASED, DIRECT_WITH_CARE, MILLRACE } from "./contestants.ts";
import type { Measurement } from "./measure.ts";
import { counted, ranged, shown, table } from "./page.ts";
import { fastifyContestant } from "./postgres.ts";
import type { Backlog, Measured } from "./report.ts";
import { BAR, described, type Setting } from "./settings.ts";
import { median, ratios } from "./statistics.ts";

const POSTGRES = fastifyContestant.name;

/** What the project was asked to reach, with one ledger shard and with others. */
export function barTable(measured: Measured): string {
  const names = [MILLRACE.name, ...measured.sharded.map(({ name }) => name)];
  const columns = names.map((name) => barOf(measured, name));
  const lines = [
    [`committed throughput ÷ ${DIRECT.name}`, "≥ 4"],
    [`committed p50 ÷ ${DIRECT.name} p50`, "≤ 0.25"],
    [`accepted throughput ÷ ${DIRECT.name}`, "≥ 6"],
    ["drain rows/s ÷ limit-sqlite", "≥ 0.5"],
    [`committed throughput ÷ ${POSTGRES}`, "≥ 0.8"],
    ["D1 rows written per result", "≤ 3"],
    ["ledger rows written per batch", "≤ 5"],
  ];
  const rows = lines.map((line, index) => [...line, ...columns.map((of) => of[index] ?? "")]);
  return table(["", "must reach", ...names], rows);
}

function barOf({ measurements, sqlite, backlogs, bills }: Measured, name: string): string[] {
  const direct = compared(measurements, name, DIRECT.name, BAR);
  const postgres = compared(measurements, name, POSTGRES, BAR);
  const bill = bills.find(
    ({ contestant, results }) => contestant === name && results === BAR.results,
  );
  return [
    ranged(direct.committed, 2),
    ranged(direct.p50, 2),
    ranged(direct.accepted, 2),
    ranged(ratios(ratesOf(backlogs, name), sqlite), 2),
    ranged(postgres.committed, 2),
    shown((bill?.d1Rows ?? Number.NaN) / BAR.results, 2),
    shown(bill?.ledgerRows ?? Number.NaN, 2),
  ];
}

const RATIO_HEADS = ["committed throughput", "committed p50", "accepted throughput"];

/** The bar's ratios with the direct Workers that the bar is not about. */
export function strongerTable({ measurements, sharded }: Measured): string {
  const others = [DIRECT_WITH_CARE, DIRECT_SET_BASED].filter((other) =>
    measurements.some(({ contestant }) => contestant === other.name),
  );
  const rows = [MILLRACE, ...sharded].flatMap(({ name }) =>
    others.map((other) => [
      `${name} ÷ ${other.name}`,
      ...ratioCells(measurements, name, other.name, BAR),
    ]),
  );
  return table(["", ...RATIO_HEADS], rows);
}

/** Millrace compared with others at each setting. */
export function sideBySide(measurements: readonly Measurement[]): string {
  return [DIRECT.name, DIRECT_SET_BASED.name, POSTGRES]
    .map((other) => {
      const rows = settingsOf(measurements).map((setting) => [
        described(setting),
        ...ratioCells(measurements, MILLRACE.name, other, setting),
      ]);
      return `### Millrace ÷ ${other}\n\n${table(["", ...RATIO_HEADS], rows)}`;
    })
    .join("\n\n");
}

function ratioCells(
  measurements: readonly Measurement[],
  contestant: string,
  other: string,
  setting: Setting,
): string[] {
  const { committed, p50, accepted } = compared(measurements, contestant, other, setting);
  return [committed, p50, accepted].map((values) => ranged(values, 2));
}

/** How fast backlogs were written. */
export function backlogTable({ backlogs, sqlite }: Measured): string {
  const names = [...new Set(backlogs.map(({ contestant }) => contestant))];
  const rows = names.map((name) => {
    const own = ratesOf(backlogs, name);
    return [name, ranged(own), ranged(ratios(own, sqlite), 2)];
  });
  return table(["", "rows/s", "÷ limit-sqlite"], rows);
}

function ratesOf(backlogs: readonly Backlog[], name: string): number[] {
  return backlogs.filter(({ contestant }) => contestant === name).map((one) => one.rowsPerSecond);
}

/** Everyone at one setting. */
export function settingTable(measurements: readonly Measurement[], setting: Setting): string {
  const names = [...new Set(measurements.map(({ contestant }) => contestant))];
  const rows = names.flatMap((name) =>
    [201, 202].flatMap((status) => {
      const own = measurementsOf(measurements, name, status, setting);
      if (own.length === 0) return [];
      const all = (get: (one: Measurement) => number) => own.map(get);
      return [
        [
          name,
          status === 201 ? "committed" : "accepted",
          ranged(all((one) => one.perSecond)),
          ranged(
            all((one) => one.p50_ms),
            1,
          ),
          ranged(
            all((one) => one.p99_ms),
            1,
          ),
          ranged(all((one) => one.drainRowsPerSecond)),
          shown(median(all((one) => one.cpuPerBatch_ms)), 2),
          shown(median(all((one) => one.simulatorCpuPerBatch_ms)), 2),
          shown(median(all((one) => one.peak_mb)), 0),
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
    "simulator ms/batch",
    "peak MB",
  ];
  const rounds = counted(roundsAt(measurements, setting), "round");
  return `### ${described(setting)}\n\n${rounds}.\n\n${table(heads, rows)}`;
}

/** What a batch costs. */
export function billTable(bills: readonly Bill[]): string {
  const heads = [
    "",
    "results per batch",
    "D1 rows",
    "ledger rows",
    "ledger requests",
    "queue operations",
    "$ per million batches",
    "$ per million results",
  ];
  const rows = bills.map((bill) => [
    bill.contestant,
    String(bill.results),
    ...[bill.d1Rows, bill.ledgerRows, bill.ledgerRequests, bill.queueOperations].map((value) =>
      shown(value, 2),
    ),
    shown(bill.dollarsPerMillionBatches, 2),
    shown(bill.dollarsPerMillionResults, 2),
  ]);
  return table(heads, rows);
}
