/**
 * `npm run demo`: posts every upload of the files to a running local service, twice and
 * concurrently, and then looks into the D1 file itself: each batch there once, with every result.
 */
import { createReadStream } from "node:fs";
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { SingleBar } from "cli-progress";
import pLimit from "p-limit";
import { differences, openLocalD1, type Upload } from "./local-d1.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    url: { type: "string", default: `http://127.0.0.1:${process.env["PORT"] ?? "8787"}` },
    token: { type: "string", default: "dev-upload-token" },
    concurrency: { type: "string", default: "16" },
    rounds: { type: "string", default: "2" },
  },
});
const files = positionals.length > 0 ? positionals : ["samples/uploads.ndjson"];

await requireService();
const uploads = await readUploads(files);
const tally = await postAll(uploads, Number(values.rounds));
const faults = differences(openLocalD1(), uploads);
report(tally, faults);
process.exitCode = faults.length > 0 || tally.refused.length > 0 ? 1 : 0;

async function requireService(): Promise<void> {
  const answer = await fetch(`${values.url}/healthz`).catch(() => null);
  if (answer?.ok) return;
  console.error(`No service answers at ${values.url}. Start one in another terminal: npm start`);
  process.exit(2);
}

async function readUploads(paths: string[]): Promise<Upload[]> {
  const read: Upload[] = [];
  for (const path of paths) {
    for await (const line of createInterface({ input: createReadStream(path) })) {
      if (line.trim() !== "") read.push({ text: line, ...JSON.parse(line) });
    }
  }
  return read;
}

interface Tally {
  posts: number;
  seconds: number;
  statuses: Map<number, number>;
  replayed: number;
  refused: string[];
}

/** Posts each upload `rounds` times; the rounds run into each other, so some copies meet. */
async function postAll(all: Upload[], rounds: number): Promise<Tally> {
  const limit = pLimit(Number(values.concurrency));
  const posts = all.flatMap((upload) => Array.from({ length: rounds }, () => upload));
  const bar = new SingleBar({
    format: "{bar} {value}/{total} posts | {duration_formatted}",
    noTTYOutput: false,
  });
  const result: Tally = {
    posts: posts.length,
    seconds: 0,
    statuses: new Map(),
    replayed: 0,
    refused: [],
  };
  const started = performance.now();
  bar.start(posts.length, 0);
  await limit.map(posts, async ({ text }) => {
    const response = await fetch(`${values.url}/batch-metrics`, {
      method: "POST",
      headers: {
        Authorization: `Bearer ${values.token}`,
        "Content-Type": "application/json",
        Prefer: "wait=25",
      },
      body: text,
    });
    const answer = await response.text();
    result.statuses.set(response.status, (result.statuses.get(response.status) ?? 0) + 1);
    if (response.headers.get("Idempotent-Replayed") === "true") result.replayed += 1;
    if (response.status !== 201) result.refused.push(answer.slice(0, 300));
    bar.increment();
  });
  bar.stop();
  result.seconds = (performance.now() - started) / 1000;
  return result;
}

function report({ posts, seconds, statuses, replayed, refused }: Tally, found: string[]): void {
  const results = uploads.reduce((sum, upload) => sum + upload.results.length, 0);
  const counts = [...statuses].map(([status, number]) => `${number} × ${status}`).join(", ");
  console.log(`
${uploads.length} batches with ${results} results, each posted ${values.rounds} times: ${posts} posts in ${seconds.toFixed(1)} s
answers        ${counts}; ${replayed} of them Idempotent-Replayed
in D1          ${found.length === 0 ? `every batch once, with exactly its results` : `${found.length} differences`}`);
  for (const line of [...refused, ...found].slice(0, 20)) console.log(`  ${line}`);
}
