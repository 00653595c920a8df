/**
 * What a user would run on a server of his own: Fastify on PostgreSQL, with the same schema.
 * With `QUEUED`, uploads go to pg-boss, whose worker writes them.
 */
import fastify from "fastify";
import pg from "pg";
import PgBoss from "pg-boss";
import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import { type EncodedBody, encodeBody } from "../../src/streams/body.ts";
import { parseBatch } from "../../src/streams/parse.ts";
import { INSERT, SCHEMA } from "./postgres-schema.ts";

const connectionString = process.env["DATABASE_URL"] ?? "";
const QUEUE = "batches";

interface Job extends EncodedBody {
  batch_id: string;
}

const pool = new pg.Pool({ connectionString, max: 16 });
const [known] = (await pool.query("SELECT to_regclass('batch_runs') IS NOT NULL AS made")).rows;
if (known?.made !== true) await pool.query(SCHEMA);

const boss = process.env["QUEUED"] ? await startBoss() : null;
const server = fastify({ bodyLimit: 8 * 1024 * 1024 });
server.removeAllContentTypeParsers();
server.addContentTypeParser("application/json", { parseAs: "string" }, (_request, body, done) => {
  done(null, body);
});
server.post("/batch-metrics", async (request, reply) => {
  const batch = parseBatch(batchMetrics, String(request.body));
  const job = { batch_id: batch.batch_id, ...(await encodeBody(batch)) };
  if (boss) await boss.send(QUEUE, job);
  else await insert(job);
  return reply.code(boss ? 202 : 201).send({ batch_id: batch.batch_id });
});
console.log(await server.listen({ host: "127.0.0.1", port: 0 }));

async function insert({ batch_id, digest, body }: Job): Promise<void> {
  // Named, so that each connection prepares it once.
  const values = [
    batch_id,
    digest,
    body.run,
    body.parts.length === 1 ? body.parts[0] : joined(body.parts),
  ];
  await pool.query({ name: "insert", text: INSERT, values });
}

function joined(parts: readonly string[]): string {
  return `[${parts.map((part) => part.slice(1, -1)).join(",")}]`;
}

async function startBoss(): Promise<PgBoss> {
  const started = await new PgBoss({ connectionString, max: 16 }).start();
  await started.createQueue(QUEUE);
  await started.work<Job>(QUEUE, { batchSize: 100, pollingIntervalSeconds: 0.5 }, async (jobs) => {
    await Promise.all(jobs.map((job) => insert(job.data)));
  });
  return started;
}
