import * as v from "valibot";
import { test } from "vitest";
import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import { decodeBody, encodeBody } from "../../src/streams/body.ts";
import { executions } from "../../src/streams/executions.ts";
import { maybe, Name } from "../../src/streams/fields.ts";
import { parseBatch } from "../../src/streams/parse.ts";
import { batch, execution, result } from "../client.ts";

const RUN = JSON.stringify(
  batch({
    // Its digest is pinned.
    started_at: "2026-11-01T10:00:00Z",
    results: [
      result(),
      result({ platform: "linux-x64", result: "failed", error_message: "exit code 1" }),
      result({ duration_seconds: 1.5 }),
    ],
  }),
);
const EXECUTIONS = JSON.stringify({ batch_id: "e-1", records: [execution(), execution()] });

test("the digest of an upload stays what it was: another one would make known batches conflicts", async ({
  expect,
}) => {
  const run = await encodeBody(batchMetrics, parseBatch(batchMetrics, RUN));
  expect(run.digest).toBe("6d39e810addcf51b5848149302ffded183f85a1116396b17897b0e09dae12222");
  const records = await encodeBody(executions, parseBatch(executions, EXECUTIONS));
  expect(records.digest).toBe("48877ec8c1c3087e0936f8016a159125fdb4a146d1f5abb83037636827e97c84");
});

test("absent, null, and stated as it would be computed are the same batch", async ({ expect }) => {
  const run = batch({ macos_minutes: 4.5, results: [result()] });
  const counts = { passed: 1, failed: 0, skipped: 0 };
  const nulls = { passed: null, failed: null, skipped: null, success_rate: null };
  const variants = [
    run,
    { ...run, ...nulls },
    { ...run, ...counts },
    { ...run, ...counts, success_rate: 1 },
  ];
  const digests = variants.map(async (upload) => {
    const encoded = await encodeBody(
      batchMetrics,
      parseBatch(batchMetrics, JSON.stringify(upload)),
    );
    return encoded.digest;
  });
  expect(new Set(await Promise.all(digests)).size).toBe(1);
});

test("a field that a stream gets at its end changes neither bodies nor digests", async ({
  expect,
}) => {
  const row = v.strictObject({ ...batchMetrics.row.entries, runner: maybe(Name) });
  const grown = { ...batchMetrics, row };
  const before = await encodeBody(batchMetrics, parseBatch(batchMetrics, RUN));
  expect(await encodeBody(grown, parseBatch(grown, RUN))).toEqual(before);
});

test("a body gives back the batch that it was made of", async ({ expect }) => {
  for (const [stream, text] of [
    [batchMetrics, RUN],
    [executions, EXECUTIONS],
  ] as const) {
    const parsed = parseBatch(stream, text);
    const { body } = await encodeBody(stream, parsed);
    expect(decodeBody(stream, parsed.batch_id, body)).toEqual(parsed);
  }
});
