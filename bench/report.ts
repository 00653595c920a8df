import { type Bill, PRICE_LISTS, PRICES } from "./bill.ts";
import { chart } from "./chart.ts";
import { roundsAt, settingsOf } from "./comparison.ts";
import type { Contestant } from "./contestant.ts";
import { type Measurement, WARM_SECONDS } from "./measure.ts";
import { counted, machine, ranged, type Run } from "./page.ts";
import { skipped } from "./postgres.ts";
import { BAR } from "./settings.ts";
import { median } from "./statistics.ts";
import {
  backlogTable,
  barTable,
  billTable,
  settingTable,
  sideBySide,
  strongerTable,
} from "./tables.ts";

/** How fast a backlog was written. */
export interface Backlog {
  contestant: string;
  rowsPerSecond: number;
}

/** Everything a run has measured. */
export interface Measured extends Run {
  measurements: readonly Measurement[];
  /** limit-sqlite, rows per second, each round. */
  sqlite: readonly number[];
  backlogs: readonly Backlog[];
  bills: readonly Bill[];
  /** Millrace with other numbers of ledger shards. */
  sharded: readonly Contestant[];
}

/** The page: the bar first, then each setting, then the bill. */
export function report(measured: Measured): string {
  const { measurements, sqlite, bills } = measured;
  return `# Benchmarks

${introduction(measured)}

${machine()}
${skipped ? `\n**fastify+postgres, fastify+pg-boss:** ${skipped}\n` : ""}
![Throughput](benchmarks.svg)

## The bar: 100 results per batch, 16 connections

What the project was asked to reach, and what it reached in this run:

${barTable(measured)}

This is one run. [What is reached, and what is not](decisions/0011-speed.md#what-is-reached-and-what-is-not)
has every run, and where the line beside fastify+postgres was missed. A deploy has 16 ledger shards. There
each is a machine of its own; here all of them share one thread and one disk.

The same ratios for the other two direct Workers:

${strongerTable(measured)}

${CONTESTANTS_TEXT}

## Side by side

Millrace's figure divided by the other's. The other always answers once it has written: so both of
Millrace's throughputs are divided by the other's committed throughput.

${sideBySide(measurements)}

## All figures

**CPU ms/batch** is the CPU time of the contestant's own processes: workerd, or Fastify and PostgreSQL.
**simulator ms/batch** is what the simulator of Cloudflare uses besides, in the process that runs the
benchmark, until the load ends. **drain rows/s** is how fast the batches were written that were still queued
when the load ended, and a dash if that took less than 0.2 s. **peak MB** sums up each process's own peak, and counts
memory that PostgreSQL's processes share once for each.

${settingsOf(measurements)
  .map((setting) => settingTable(measurements, setting))
  .join("\n\n")}

## Writing a backlog

Uploads of 100 results are accepted over 16 connections for as long as a measurement takes, and nothing is
written meanwhile: Millrace's consumer is held back, and pg-boss's workers are not started. Then they are let go.
limit-sqlite writes ${ranged(sqlite)} rows/s.

${backlogTable(measured)}

## The bill

D1 rows are \`meta.rows_written\`, and ledger rows are \`cursor.rowsWritten\`, as the local runtime reports
them. A queue message is three operations. Dollars are beyond what the paid plan includes, at
$${PRICES.d1Row} per million D1 rows, $${PRICES.ledgerRow} per million ledger rows, $${PRICES.ledgerRequest} per million ledger requests,
$${PRICES.queueOperation} per million queue operations and $${PRICES.request} per million requests. CPU time, ledger duration,
storage and the consumer's own requests are not in it. Prices: ${PRICE_LISTS.join(", ")}.

${billTable(bills)}
`;
}

function introduction({ measurements, seconds, command }: Measured): string {
  const settings = settingsOf(measurements);
  const rounds = settings.map((setting) => roundsAt(measurements, setting));
  const [least, most] = [Math.min(...rounds), Math.max(...rounds)];
  const barRounds = roundsAt(measurements, BAR);
  const failed = measurements.reduce((sum, one) => sum + one.failed, 0);
  const missing = measurements.reduce((sum, one) => sum + one.missing, 0);
  const how =
    least === most || barRounds === 0
      ? counted(most, "round")
      : `${counted(barRounds, "round")} at the bar's setting and ${least} at each of the others`;
  return `Written by \`${command}\`: ${how}. A measurement takes ${seconds} s, after ${WARM_SECONDS} s of the same load.
In each round everyone is measured, one after the other, each started anew on an empty disk. Figures are
medians, with the least and the greatest in brackets. A ratio compares two measurements of the same round,
since this machine's speed differs from round to round.

**Committed**: uploads are answered \`201\`, once they are written. **Accepted**: they are answered \`202\`, before
they are written. Requests that failed: ${failed}. Batches that were answered \`201\` or \`202\` and were not in the
tables two minutes after the load, looked for by their \`batch_id\`: ${missing}. 0 batches/s means that none was
answered within a measurement.

Millrace runs with one ledger shard, as in local development, unless its name says otherwise, and without
its rate limit. Workers are called on a socket of their own, without the simulator's proxy. See also
[growth](benchmarks-growth.md) and [saturation](benchmarks-saturation.md).`;
}

const CONTESTANTS_TEXT = `- **direct** is what people write today: a Worker that checks the upload, inserts the run, and then
  its results row by row in one \`batch()\`, while the caller waits. Its tables have an index for
  each column that people look for (run, recipe, result), so a result costs four written rows.
- **direct with care** inserts run and results in one transaction, into Millrace's own tables. It still
  has a statement for each result.
- **direct set-based** inserts run and results in one transaction, into Millrace's own tables, with Millrace's
  own set-based statements. It has no ledger and no queue. So it shows what set-based SQL gains by itself. What
  Millrace gains or loses beside it comes from the ledger and the queue, with which many batches share a
  transaction. Without them an upload fails when D1 does.
- None of the direct Workers checks a token or writes a log line. Millrace does.
- **limit-http** is the same runtime that reads the body and answers 201.
- **limit-sqlite** is node:sqlite that writes the same rows with prepared statements, 100 batches in a
  transaction. It shows what this way can do. It is not a true upper bound: set-based statements need
  [less time for each row](decisions/0011-speed.md#what-was-measured-and-not-taken).
- **fastify+postgres** is Fastify with one set-based statement per batch on PostgreSQL, tuned, with its default
  durability. Fastify and PostgreSQL may use both cores, which the load generator needs too; workerd runs a
  Worker on one thread.
- **fastify+pg-boss** queues there first. Four workers (\`work()\`) take up to 100 jobs at a time, and each fetches
  again at once as long as there are jobs (\`notifyWorker\`). By itself, pg-boss lets a worker fetch at most
  twice per second. A job is written by the same statement as in fastify+postgres.`;

/** Bars of the throughput at the bar's setting, as SVG. */
export function plot(measurements: readonly Measurement[]): Promise<string> {
  const groups = Map.groupBy(
    measurements.filter(
      ({ results, connections }) => results === BAR.results && connections === BAR.connections,
    ),
    (one) => `${one.contestant}, ${one.status === 201 ? "committed" : "accepted"}`,
  );
  const values = [...groups].map(([label, own]) => ({
    label,
    value: median(own.map((one) => one.perSecond)),
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
