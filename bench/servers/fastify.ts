/**
 * What a user would run on a server of his own: Fastify on PostgreSQL, with the same schema.
 * With `BOSS`, uploads go to pg-boss, whose workers write them: at once if it is "queued", and
 * after a call of `/bench/release` if it is "held".
 */
import { createHash } from "node:crypto";
import fastify from "fastify";
import pg from "pg";
import PgBoss from "pg-boss";
import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import { parseBatch } from "../../src/streams/parse.ts";
import type { Batch } from "../../src/streams/stream.ts";
import { INSERT, SCHEMA } from "./postgres-schema.ts";

const connectionString = process.env["DATABASE_URL"] ?? "";
const QUEUE = "batches";
/** They drain a backlog about as fast as two do, and faster than one. */
const WORKERS = 4;

/** A batch as its statement takes it. */
interface Job {
  batch_id: string;
  digest: string;
  run: string;
  rows: string;
}

const pool = new pg.Pool({ connectionString, max: 16 });
const [known] = (await pool.query("SELECT to_regclass('batch_runs') IS NOT NULL AS made")).rows;
if (known?.made !== true) await pool.query(SCHEMA);

const mode = process.env["BOSS"] ?? "";
const boss = mode === "" ? null : await startBoss();
if (boss && mode === "queued") await startWorkers(boss);
const server = fastify({ bodyLimit: 8 * 1024 * 1024 });
server.removeAllContentTypeParsers();
server.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => {
  done(null, body);
});
server.post("/batch-metrics", async (request, reply) => {
  const batch = parseBatch(batchMetrics, String(request.body));
  const job = jobOf(batch);
  if (boss) await boss.send(QUEUE, job);
  else await insert(job);
  return reply.code(boss ? 202 : 201).send({ batch_id: batch.batch_id });
});
server.get("/bench/release", async (_request, reply) => {
  if (boss) await startWorkers(boss);
  return reply.code(204).send();
});
console.log(await server.listen({ host: "127.0.0.1", port: 0 }));

function jobOf({ batch_id, ...batch }: Batch): Job {
  const run = JSON.stringify(batch.run);
  const rows = JSON.stringify(batch.rows);
  const digest = createHash("sha256").update(run).update(rows).digest("hex");
  return { batch_id, digest, run, rows };
}

async function insert({ batch_id, digest, run, rows }: Job): Promise<void> {
  // Named, so that each connection prepares it once.
  await pool.query({ name: "insert", text: INSERT, values: [batch_id, digest, run, rows] });
}

async function startBoss(): Promise<PgBoss> {
  const started = await new PgBoss({ connectionString, max: 16 }).start();
  await started.createQueue(QUEUE);
  return started;
}

/**
 * Workers that fetch again at once as long as there are jobs. By itself, pg-boss lets each of them
 * fetch once in a polling interval, which is half a second at the least.
 */
async function startWorkers(started: PgBoss): Promise<void> {
  const options = { batchSize: 100, pollingIntervalSeconds: 0.5 };
  for (let count = 0; count < WORKERS; count++) {
    const worker = await started.work<Job>(QUEUE, options, async (jobs) => {
      started.notifyWorker(worker);
      await Promise.all(jobs.map((job) => insert(job.data)));
    });
  }
}
