import { createHash, randomUUID } from "node:crypto";
import { DatabaseSync, type SQLOutputValue, type StatementSync } from "node:sqlite";
import { Ledger } from "../src/durable/ledger.ts";
import type { LedgerSql } from "../src/durable/schema.ts";
import { keyOf, type Report } from "../src/queue/ticket.ts";
import type { SqlValue } from "../src/sql.ts";
import { batchMetrics } from "../src/streams/batch-metrics.ts";
import { encodeBody } from "../src/streams/body.ts";
import { parseBatch } from "../src/streams/parse.ts";
import { BAR } from "./settings.ts";
import { uploadOf } from "./workload.ts";

const RESULTS = BAR.results;
/** Numbers of results: how much of a page a batch keeps once its body is gone depends on its size. */
const SIZES = Array.from({ length: 81 }, (_, index) => 60 + index);

/** Fills a D1 file with runs that started a second apart, each with its results. */
export function fillDatabase(path: string, runs: number): void {
  const database = opened(path);
  database.exec(`
    WITH RECURSIVE number (n) AS (SELECT 1 WHERE ${runs} > 0 UNION ALL SELECT n + 1 FROM number WHERE n < ${runs})
    INSERT INTO batch_runs (batch_id, ecosystem, started_at, total_recipes, passed, failed, skipped,
      digest, write_id, accepted_at, row_count)
    SELECT 'old-' || n, 'homebrew', strftime('%Y-%m-%dT%H:%M:%fZ', 1770000000 + n, 'unixepoch'),
      ${RESULTS}, 80, 20, 0, lower(hex(randomblob(32))), lower(hex(randomblob(16))),
      '2026-02-01T00:00:00.000Z', ${RESULTS} FROM number;
    WITH RECURSIVE row (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM row WHERE n < ${RESULTS - 1})
    INSERT INTO recipe_results (batch_run_id, recipe_name, ecosystem, platform, result, error_category,
      error_message, duration_seconds)
    SELECT run.id, 'recipe-number-' || n, 'homebrew', 'linux-x64', iif(n % 5, 'passed', 'failed'),
      iif(n % 5, NULL, 'build'),
      iif(n % 5, NULL, 'the build step ' || n || ' ended with exit code 1 after its second attempt'),
      1.5 + n
    FROM batch_runs AS run CROSS JOIN row WHERE run.batch_id LIKE 'old-%'`);
  closed(database);
}

/**
 * Fills a ledger's file with written batches, by the ledger's own code: so many at a time are
 * accepted, body and all, and then settled. So the file has the shape that it has in service: pages
 * that a body has left keep the little that remains, and those that are free are used again.
 */
export async function fillLedger(path: string, batches: number): Promise<void> {
  const database = opened(path);
  const ledger = new Ledger(ledgerSqlOn(database), { shard: 0, redeliverAfterMs: 900_000 });
  const bodies = await Promise.all(
    SIZES.map(async (results) => {
      const batch = parseBatch(batchMetrics, uploadOf(results).text("old"));
      const { body, bytes } = await encodeBody(batchMetrics, batch);
      return { body, bytes, row_count: results };
    }),
  );
  const now = Date.now();
  for (let number = 0; number < batches; number += BAR.connections) {
    const reports: Report[] = [];
    for (let caller = 0; caller < Math.min(BAR.connections, batches - number); caller++) {
      const batch_run_id = number + caller;
      // A step that has no factor in common with their number: neighbours differ, and all have their turn.
      const content = bodies[(batch_run_id * 37) % bodies.length];
      if (!content) continue;
      const batch_id = randomUUID();
      const digest = createHash("sha256").update(batch_id).digest("hex");
      ledger.accept({ stream: batchMetrics.name, batch_id, digest, ...content }, now);
      const key = keyOf({ stream: batchMetrics.name, batch_id });
      const attempt = { key, digest, accepted_at: now, replays: 0 };
      reports.push({ ...attempt, outcome: "written", batch_run_id });
    }
    ledger.settle(reports, now);
  }
  closed(database);
}

function ledgerSqlOn(database: DatabaseSync): LedgerSql {
  const statements = new Map<string, StatementSync>();
  return {
    exec(text, ...parameters) {
      if (text.trim() === "") return [];
      const statement = statements.get(text) ?? database.prepare(text);
      statements.set(text, statement);
      return statement.all(...parameters).map(rowOf);
    },
    // All of it is one transaction.
    transaction: (work) => work(),
    // However full it is, it takes more.
    size: () => 0,
  };
}

function rowOf(row: Record<string, SQLOutputValue>): Record<string, SqlValue> {
  const values: Record<string, SqlValue> = {};
  for (const [name, value] of Object.entries(row)) {
    values[name] = typeof value === "string" || typeof value === "number" ? value : null;
  }
  return values;
}

/** Without a journal: a file that is not made whole is thrown away. */
function opened(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { enableForeignKeyConstraints: false });
  database.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -262144");
  database.exec("BEGIN");
  return database;
}

function closed(database: DatabaseSync): void {
  database.exec("COMMIT; PRAGMA journal_mode = WAL");
  database.close();
}
