import { createHash } from "node:crypto";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig, defineProject } from "vitest/config";

/** As wrangler finds them, nested folders and all. */
function migrationsIn(folder: string) {
  return readD1Migrations({ migrationsDir: folder, migrationsPattern: `${folder}/**/*.sql` });
}

/** `test-<scope>-token` for each scope, as `test/client.ts` uses them. */
const TEST_TOKENS = JSON.stringify(
  ["ingest", "read", "admin"].map((scope) => ({
    name: `test-${scope}`,
    sha256: createHash("sha256").update(`test-${scope}-token`).digest("hex"),
    scopes: [scope],
  })),
);

/** The service in workerd, on its real D1, queues and Durable Objects. */
function serviceWith(bindings: Record<string, string>, d1Databases?: Record<string, string>) {
  return cloudflareTest(async () => ({
    // Two streams more, so that adding a stream is tested on real parts.
    main: "./test/worker.ts",
    wrangler: { configPath: "./wrangler.toml" },
    miniflare: {
      // Two attempts and then the dead letters: production's take hours.
      queueConsumers: {
        "millrace-batches": {
          maxBatchSize: 100,
          maxBatchTimeout: 0,
          maxRetries: 1,
          deadLetterQueue: "millrace-dead-letters",
        },
        "millrace-dead-letters": { maxBatchSize: 100, maxBatchTimeout: 0 },
      },
      ...(d1Databases && { d1Databases }),
      bindings: {
        BATCH_METRICS_TOKEN: "test-upload-token",
        MILLRACE_TOKENS: TEST_TOKENS,
        LEDGER_SHARDS: "4",
        REDELIVER_AFTER_SECONDS: "900",
        MIGRATIONS: [
          ...(await migrationsIn("migrations")),
          ...(await migrationsIn("test/migrations")),
        ],
        ...bindings,
      },
    },
  }));
}

/** What is polled for may take its time on a busy machine; a test that waits in vain says for what. */
const PATIENT = {
  expect: { poll: { timeout: 25_000, interval: 20 } },
  testTimeout: 60_000,
};

/** Tests inside workerd. */
const service = defineProject({
  plugins: [serviceWith({})],
  test: {
    name: "service",
    include: ["test/**/*.test.ts"],
    exclude: ["test/local/**", "test/cli/**", "test/databases/**"],
    setupFiles: ["./test/setup.ts"],
    ...PATIENT,
  },
});

/** Tests inside workerd, with three databases. */
const databases = defineProject({
  plugins: [serviceWith({ DATABASE_SHARDS: "3" }, { DB: "zero", DB_1: "one", DB_2: "two" })],
  test: {
    name: "databases",
    include: ["test/databases/**/*.test.ts"],
    setupFiles: ["./test/setup.ts"],
    ...PATIENT,
  },
});

/** Tests in Node: of what runs there, and of the local service from outside. */
const local = defineProject({
  test: {
    name: "local",
    globalSetup: ["./test/cli/build-bundle.ts"],
    include: ["test/local/**/*.test.ts", "test/cli/**/*.test.ts"],
    ...PATIENT,
  },
});

export default defineConfig({
  test: {
    projects: [service, databases, local],
    reporters: ["default", "./test/closing-line.ts"],
    // A failing test shows the log; the passing ones would drown it.
    silent: "passed-only",
  },
});
