/**
 * What `wrangler.toml` binds, and the secrets. Optional is what a deployment may leave out;
 * `src/config.ts` parses the variables and gives the defaults.
 */
interface Env {
  LEDGER: DurableObjectNamespace<import("./durable/batch-ledger.ts").BatchLedger>;
  QUEUE: Queue<import("./queue/ticket.ts").TicketMessage>;
  DB?: D1Database;
  UPLOAD_LIMIT?: RateLimit;

  BATCH_METRICS_TOKEN?: string;
  MILLRACE_TOKENS?: string;

  LEDGER_SHARDS?: string | number;
  DATABASE_SHARDS?: string | number;
  FULL_DATABASES?: string | number;
  REDELIVER_AFTER_SECONDS?: string | number;
  SYNC_WAIT_SECONDS?: string | number;
  MAX_UPLOAD_BYTES?: string | number;
  UPLOADS_IN_MEMORY_BYTES?: string | number;
  LEDGER_RETENTION_DAYS?: string | number;
  CORS_ORIGIN?: string;
}

declare namespace Cloudflare {
  interface Env extends globalThis.Env {}
}
