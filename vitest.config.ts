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

/** Tests inside workerd, on its real D1, queues and Durable Objects. */
const service = defineProject({
  plugins: [
    cloudflareTest(async () => ({
      // The service with two streams more, so that adding a stream is tested on real parts.
      main: "./test/worker.ts",
      wrangler: { configPath: "./wrangler.toml" },
      miniflare: {
        // Two attempts and then the dead letters: production's eight take minutes.
        queueConsumers: {
          "millrace-batches": {
            maxBatchSize: 100,
            maxBatchTimeout: 0,
            maxRetries: 1,
            deadLetterQueue: "millrace-dead-letters",
          },
          "millrace-dead-letters": { maxBatchSize: 100, maxBatchTimeout: 0 },
        },
        bindings: {
          BATCH_METRICS_TOKEN: "test-upload-token",
          MILLRACE_TOKENS: TEST_TOKENS,
          LEDGER_SHARDS: "4",
          REDELIVER_AFTER_SECONDS: "900",
          MIGRATIONS: [
            ...(await migrationsIn("migrations")),
            ...(await migrationsIn("test/migrations")),
          ],
        },
      },
    })),
  ],
  test: {
    name: "service",
    include: ["test/**/*.test.ts"],
    exclude: ["test/local/**", "test/cli/**"],
    setupFiles: ["./test/setup.ts"],
    testTimeout: 30_000,
  },
});

/** Tests in Node: of what runs there, and of the local service from outside. */
const local = defineProject({
  test: {
    name: "local",
    include: ["test/local/**/*.test.ts", "test/cli/**/*.test.ts"],
    testTimeout: 60_000,
  },
});

export default defineConfig({
  test: {
    projects: [service, local],
    reporters: ["default", "./test/closing-line.ts"],
    // A failing test shows the log; the passing ones would drown it.
    silent: "passed-only",
  },
});
