import type { StatementSync } from "node:sqlite";
import * as v from "valibot";
import { executions } from "../../src/streams/executions.ts";
import { openDatabase } from "../database.ts";
import { CHECKPOINT_WRITES } from "../limits.ts";
import type { CreateTelemetryStore, TelemetryEntry } from "./entry.ts";
import * as sql from "./statements.ts";

export const createTelemetryStore: CreateTelemetryStore = ({ dbPath, logger }) => {
  const db = openDatabase(dbPath, sql.SCHEMA);
  const insert = db.prepare(sql.INSERT);
  const purge = db.prepare(sql.PURGE);
  let writes = 0;
  // `db.isOpen` came with Node 22.15.
  let open = true;

  const checkpoint = () => {
    db.prepare(sql.CHECKPOINT).get();
    logger?.debug?.("telemetry: checkpoint");
  };
  return {
    record(entry) {
      keep(insert, entry);
      writes += 1;
      if (writes % CHECKPOINT_WRITES === 0) checkpoint();
    },
    purgeOlderThan(days) {
      if (!Number.isFinite(days) || days < 0) throw new TypeError("days must be 0 or more");
      const { changes } = purge.run({ age: `-${days} days` });
      logger?.debug?.(`telemetry: ${changes} rows purged`);
      return Number(changes);
    },
    checkpoint,
    close() {
      if (open) db.close();
      open = false;
    },
  };
};

/** What the service would refuse is refused here, where it is one entry and not a chunk of them. */
function keep(insert: StatementSync, entry: TelemetryEntry): void {
  const result = v.safeParse(executions.row, rowOf(entry));
  if (!result.success) {
    const faults = result.issues.map((issue) => `${v.getDotPath(issue)} ${issue.message}`);
    throw new TypeError(`the entry is not valid: ${faults.join("; ")}`);
  }
  const { created_at: _, ...row } = result.output;
  insert.run(v.parse(Columns, row));
}

/** Node binds no `undefined`. */
const Columns = v.record(v.string(), v.nullish(v.union([v.string(), v.number()]), null));

function rowOf(entry: TelemetryEntry): Record<string, unknown> {
  return {
    delivery_id: entry.deliveryId,
    repo: entry.repo,
    pr_number: entry.prNumber,
    event_type: entry.eventType,
    provider: entry.provider,
    model: entry.model,
    input_tokens: entry.inputTokens,
    output_tokens: entry.outputTokens,
    cache_read_tokens: entry.cacheReadTokens,
    cache_creation_tokens: entry.cacheCreationTokens,
    duration_ms: entry.durationMs,
    cost_usd: entry.costUsd,
    conclusion: entry.conclusion,
    session_id: entry.sessionId,
    num_turns: entry.numTurns,
    stop_reason: entry.stopReason,
  };
}
