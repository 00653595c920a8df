import { encodeBody } from "../../src/streams/body.ts";
import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import { parseBatch } from "../../src/streams/parse.ts";
import type { Values } from "../../src/streams/stream.ts";

export { BatchLedger } from "../../src/index.ts";

const RUN = ["batch_id", "digest", "write_id", "accepted_at", "row_count"];
const RUN_COLUMNS = Object.keys(batchMetrics.run.entries);
const ROW_COLUMNS = Object.keys(batchMetrics.row.entries);

const INSERT_RUN = insertInto("batch_runs", [...RUN, ...RUN_COLUMNS]);
const INSERT_RESULT = `
  INSERT INTO recipe_results (batch_run_id, ${ROW_COLUMNS.join(", ")})
  VALUES ((SELECT id FROM batch_runs WHERE batch_id = ?1), ${placeholders(ROW_COLUMNS.length, 2)})`;

/**
 * What people write today: validates the upload with the same schema, and inserts the run and
 * then its results row by row, in one batch, while the caller waits.
 */
export default {
  async fetch(request, env) {
    const batch = parseBatch(batchMetrics, await request.text());
    const { digest } = await encodeBody(batch);
    const database = env.DB;
    if (!database) return new Response("no database", { status: 503 });

    const accepted_at = new Date().toISOString();
    const own = [batch.batch_id, digest, "direct", accepted_at, batch.rows.length];
    const insertResult = database.prepare(INSERT_RESULT);
    await database.batch([
      database.prepare(INSERT_RUN).bind(...own, ...valuesOf(batch.run, RUN_COLUMNS)),
      ...batch.rows.map((row) => insertResult.bind(batch.batch_id, ...valuesOf(row, ROW_COLUMNS))),
    ]);
    return Response.json({ batch_id: batch.batch_id, status: "written" }, { status: 201 });
  },
} satisfies ExportedHandler<Env>;

function valuesOf(values: Values, columns: readonly string[]): unknown[] {
  return columns.map((column) => values[column] ?? null);
}

function insertInto(table: string, columns: readonly string[]): string {
  return `INSERT INTO ${table} (${columns.join(", ")}) VALUES (${placeholders(columns.length, 1)})`;
}

function placeholders(count: number, first: number): string {
  return Array.from({ length: count }, (_, index) => `?${index + first}`).join(", ");
}
