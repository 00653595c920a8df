import { openStream } from "../../src/store/index.ts";
import { insertGroup } from "../../src/store/insert-group.ts";
import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import { encodeBody } from "../../src/streams/body.ts";
import { parseBatch } from "../../src/streams/parse.ts";

export { BatchLedger } from "../../src/index.ts";

/**
 * The direct way with Millrace's own statements: the run and its results in one transaction, by
 * set-based SQL, while the caller waits. It has no ledger and no queue, so each batch has a
 * transaction of its own. A second post of the same upload finds the run of the first.
 */
export default {
  async fetch(request, env) {
    const { tables } = batchMetrics;
    const [database] = openStream(batchMetrics, env).databases;
    if (!database || !tables) return new Response("no database", { status: 503 });
    const batch = parseBatch(batchMetrics, await request.text());
    const { batch_id, rows } = batch;
    const { body, digest } = await encodeBody(batchMetrics, batch);
    const accepted_at = new Date().toISOString();
    const group = [{ batch_id, digest, accepted_at, row_count: rows.length, body }];
    const run = (await insertGroup(database, batchMetrics, tables, group)).get(batch_id);
    if (run?.outcome !== "written") return Response.json({ status: "conflict" }, { status: 409 });
    return Response.json({ batch_id, batch_run_id: run.batch_run_id }, { status: 201 });
  },
} satisfies ExportedHandler<Env>;
