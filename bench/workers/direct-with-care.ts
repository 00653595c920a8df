import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import { encodeBody } from "../../src/streams/body.ts";
import { parseBatch } from "../../src/streams/parse.ts";
import { insertResults, insertRun } from "./direct-statements.ts";

export { BatchLedger } from "../../src/index.ts";

const RUN_OF_BATCH = "(SELECT id FROM batch_runs WHERE batch_id = ?1)";

/**
 * The direct way with more care: the run and its results in one transaction, and a digest, as
 * Millrace keeps it. A second post of the same upload is an error.
 */
export default {
  async fetch(request, env) {
    const batch = parseBatch(batchMetrics, await request.text());
    const { digest } = await encodeBody(batchMetrics, batch);
    const database = env.DB;
    if (!database) return new Response("no database", { status: 503 });
    await database.batch([
      insertRun(database, batch, digest),
      ...insertResults(database, batch, RUN_OF_BATCH, batch.batch_id),
    ]);
    return Response.json({ batch_id: batch.batch_id, status: "written" }, { status: 201 });
  },
} satisfies ExportedHandler<Env>;
