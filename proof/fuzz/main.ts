/**
 * `npm run fuzz -- --cases N [--seed S]`: N requests at the service's door, well formed and not.
 * No 5xx, no hang over 10 s, no row for what was refused; what is accepted comes back from
 * SQLite unchanged; and in the end a good upload still works. Then N reports for the client's
 * importers. Ends with 1 where it is not so.
 */
import { parseArgs } from "node:util";
import fc from "fast-check";
import pLimit from "p-limit";
import { createTestHarness } from "wrangler";
import { ensureDevVars } from "../../scripts/dev-vars.ts";
import { STREAMS } from "../../src/streams/index.ts";
import type { Stream } from "../../src/streams/stream.ts";
import { anyCase, type Case } from "./cases.ts";
import { changed } from "./compare.ts";
import { fuzzImporters } from "./importers.ts";

const { values } = parseArgs({
  options: { cases: { type: "string", default: "3000" }, seed: { type: "string", default: "1" } },
});
const CHUNK = 1_000;
/** A busy machine may take seconds; what hangs hangs for longer. */
const HANG_MS = 10_000;
/** What was answered 202 is written by then. */
const WRITTEN_MS = 60_000;
/** The test server's proxy says this, in plain text, where its own connection to the runtime broke. */
const PROXY_LOST = "Error: Network connection lost.";
/** Of so many requests one may break in the proxy. */
const CASES_PER_LOST = 1_000;
const total = Number(values.cases);

process.env["CLOUDFLARE_CF_FETCH_ENABLED"] = "false";
process.env["WRANGLER_LOG"] = "error";
ensureDevVars();
const server = createTestHarness({ workers: [{ configPath: "./wrangler.toml" }] });
const { url } = await server.listen();
const worker = server.getWorker();
await worker.applyD1Migrations("DB");
const { DB } = await worker.getEnv();

const statuses = new Map<number, number>();
const found: string[] = [];
let accepted = 0;
let lost = 0;
const started = performance.now();
for (let done = 0; done < total && found.length < 20; done += CHUNK) {
  const numRuns = Math.min(CHUNK, total - done);
  const cases = fc.sample(anyCase, { seed: Number(values.seed) * 1_000_003 + done, numRuns });
  await round(cases.map((make, index) => make(done + index)));
}
await lastUpload();
found.push(...(await fuzzImporters(total, Number(values.seed))));
const seconds = (performance.now() - started) / 1000;
await server.close();

const counts = [...statuses].toSorted(([a], [b]) => a - b).map(([status, n]) => `${n} × ${status}`);
console.log(
  `seed ${values.seed}: ${total} requests and ${total} reports in ${seconds.toFixed(0)} s: ${counts.join(", ")}`,
);
if (lost > 1 + total / CASES_PER_LOST)
  found.push(`${lost} requests were lost between the proxy and the runtime`);
console.log(
  `${accepted} accepted, ${lost} sent again after the proxy lost them; ${found.length} violations`,
);
for (const line of found) console.log(line);
process.exit(found.length > 0 ? 1 : 0);

/** Sends the cases, and then holds what is in D1 against what was answered. */
async function round(cases: Case[]): Promise<void> {
  const kept = new Map<string, Record<string, unknown>>();
  await pLimit(16).map(cases, async (each) => {
    const status = await send(each);
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    if ((status !== 201 && status !== 202) || !each.upload) return;
    const batch_id = String(each.upload["batch_id"]);
    kept.set(`${each.path} ${batch_id}`, each.upload);
    if (status === 202) await untilWritten(each.path, batch_id);
  });
  accepted += kept.size;
  for (const stream of STREAMS) await compare(stream, kept);
}

/** What is answered before it is written is compared no sooner than it is. */
async function untilWritten(path: string, batch_id: string): Promise<void> {
  const giveUp = performance.now() + WRITTEN_MS;
  let answer = "";
  while (performance.now() < giveUp) {
    const response = await fetch(`${url.origin}${path}/${encodeURIComponent(batch_id)}`, {
      headers: { Authorization: "Bearer dev-upload-token" },
    });
    answer = await response.text();
    const status = response.ok ? JSON.parse(answer)["status"] : undefined;
    if (status === "written") return;
    if (status === "dead") break;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  found.push(`${path} ${batch_id}: was answered 202, and is not written: ${answer.slice(0, 300)}`);
}

async function compare(
  stream: Stream,
  kept: ReadonlyMap<string, Record<string, unknown>>,
): Promise<void> {
  const { path, tables } = stream;
  if (!tables) return;
  const runs = await query(`SELECT * FROM ${tables.run}`);
  const rows = await query(`SELECT * FROM ${tables.rows} ORDER BY id`);
  const rowsByRun = Map.groupBy(rows, (row) => row[tables.runColumn]);
  const byName = new Map(runs.map((run) => [`${path} ${String(run["batch_id"])}`, run]));
  for (const [name, upload] of kept) {
    if (!name.startsWith(`${path} `)) continue;
    const run = byName.get(name);
    for (const line of changed(stream, upload, run, rowsByRun.get(run?.["id"]) ?? []))
      found.push(`${name}: ${line}`);
  }
  for (const name of byName.keys())
    if (!kept.has(name)) found.push(`${name}: was refused, and is in D1`);
  await query(`DELETE FROM ${tables.rows}`);
  await query(`DELETE FROM ${tables.run}`);
}

async function query(text: string): Promise<Record<string, unknown>[]> {
  return (await DB.prepare(text).all()).results;
}

async function send(each: Case): Promise<number> {
  const { method, path, headers, body } = each;
  const begun = performance.now();
  try {
    const init = {
      method,
      headers: { Prefer: "wait=20", ...headers },
      redirect: "manual" as const,
    };
    const response = await fetch(`${url.origin}${path}`, {
      ...init,
      ...(body && { body: new Uint8Array(body) }),
    });
    const answer = await response.text();
    if (answer.startsWith(PROXY_LOST)) {
      lost += 1;
      return await send(each);
    }
    if (response.status >= 500)
      found.push(
        `${method} ${path}: ${response.status} ${answer.slice(0, 300)} for ${shown(body)}`,
      );
    if (response.status >= 400 && method !== "HEAD") checkProblem(response.status, answer);
    return response.status;
  } catch (error) {
    found.push(`${method} ${path}: no answer: ${String(error)}`);
    return 0;
  } finally {
    const ms = performance.now() - begun;
    if (ms > HANG_MS) found.push(`${method} ${path}: took ${ms.toFixed(0)} ms for ${shown(body)}`);
  }
}

function checkProblem(status: number, answer: string): void {
  const problem: Record<string, unknown> = JSON.parse(answer);
  if (problem["status"] !== status || typeof problem["detail"] !== "string")
    found.push(`no problem: ${answer.slice(0, 300)}`);
}

async function lastUpload(): Promise<void> {
  const upload = {
    batch_id: "the-last",
    ecosystem: "npm",
    started_at: "2026-11-20T12:00:00Z",
    total_recipes: 0,
    results: [],
  };
  const headers = { Authorization: "Bearer dev-upload-token", "Content-Type": "application/json" };
  const response = await fetch(new URL("/batch-metrics", url), {
    method: "POST",
    headers,
    body: JSON.stringify(upload),
  });
  if (response.status !== 201) found.push(`the last upload was answered ${response.status}`);
}

function shown(body: Uint8Array | undefined): string {
  return JSON.stringify(
    Buffer.from(body ?? [])
      .toString("utf8")
      .slice(0, 300),
  );
}
