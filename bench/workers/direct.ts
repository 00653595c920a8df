import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import { parseBatch } from "../../src/streams/parse.ts";
import { insertResults, insertRun } from "./direct-statements.ts";

export { BatchLedger } from "../../src/index.ts";

/**
 * What people write today: checks the upload, inserts the run, and then its results row by row
 * in one `batch()`, while the caller waits. A failure between the two leaves a run without its
 * results, and a second post of the same upload makes a second run or an error.
 */
export default {
  async fetch(request, env) {
    const batch = parseBatch(batchMetrics, await request.text());
    const database = env.DB;
    if (!database) return new Response("no database", { status: 503 });
    const { meta } = await insertRun(database, batch, "").run();
    await database.batch(insertResults(database, batch, "?1", meta.last_row_id));
    return Response.json({ batch_run_id: meta.last_row_id }, { status: 201 });
  },
} satisfies ExportedHandler<Env>;
