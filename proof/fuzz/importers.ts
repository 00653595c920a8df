import { globSync, readFileSync } from "node:fs";
import { Readable } from "node:stream";
import fc from "fast-check";
import { ImportError, importReport } from "../../cli/importers/index.ts";
import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import { parseBatch } from "../../src/streams/parse.ts";

const REPORTS = globSync("test/fixtures/reports/*.{xml,json}").map((path) => readFileSync(path));
const DEFAULTS = { batchId: "fuzz", ecosystem: "ci", startedAt: "2026-01-01T00:00:00Z" };
const HANG_MS = 2_000;

/** A real report with some of its bytes replaced, doubled or left out; or bytes of no report. */
const anyReport = fc.oneof(
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        fc.constantFrom(...REPORTS),
        fc.array(fc.tuple(fc.nat(), fc.nat(12), fc.uint8Array({ maxLength: 6 })), {
          minLength: 1,
          maxLength: 4,
        }),
      )
      .map(([report, changes]) =>
        changes.reduce((bytes, [place, removed, added]) => {
          const at = place % (bytes.length + 1);
          return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at + removed)]);
        }, Buffer.from(report)),
      ),
  },
  fc
    .tuple(fc.constantFrom(...REPORTS), fc.nat())
    .map(([report, length]) => report.subarray(0, length % report.length)),
  fc.uint8Array({ maxLength: 400 }).map((bytes) => Buffer.from(bytes)),
  fc.json().map((text) => Buffer.from(text)),
  fc
    .stringMatching(/^<[a-z]{1,9}( [a-z]{1,4}="[ -!#-%'-;=-~]{0,9}")?>[ -~]{0,60}$/)
    .map((text) => Buffer.from(text)),
);

/**
 * Reads that many reports. Only an `ImportError` may be thrown, within 2 s, and what a JUnit
 * or CTRF report makes is an upload that the service's own schema takes.
 * @returns what was not so.
 */
export async function fuzzImporters(cases: number, seed: number): Promise<string[]> {
  const found: string[] = [];
  for (const bytes of fc.sample(anyReport, { seed, numRuns: cases })) {
    const begun = performance.now();
    try {
      const half = bytes.length >> 1;
      const open = () => Readable.from([bytes.subarray(0, half), bytes.subarray(half)]);
      for await (const { upload } of importReport({ name: "report", open }, DEFAULTS)) {
        // Millrace's own JSON is passed on as it is: the service judges it.
        if (bytes.includes("<")) parseBatch(batchMetrics, JSON.stringify(upload));
      }
    } catch (error) {
      if (!(error instanceof ImportError))
        found.push(
          `${String(error)} for ${JSON.stringify(bytes.toString("latin1").slice(0, 400))}`,
        );
    }
    if (performance.now() - begun > HANG_MS)
      found.push(
        `took over ${HANG_MS} ms: ${JSON.stringify(bytes.toString("latin1").slice(0, 400))}`,
      );
    if (found.length >= 10) break;
  }
  return found;
}
