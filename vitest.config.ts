import { createHash } from "node:crypto";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

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

export default defineConfig({
  plugins: [
    cloudflareTest(async () => ({
      // The service with one stream more, so that adding a stream is tested on real parts.
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
    include: ["test/**/*.test.ts"],
    setupFiles: ["./test/setup.ts"],
    reporters: ["default", "./test/closing-line.ts"],
    testTimeout: 30_000,
    // A failing test shows the log; the passing ones would drown it.
    silent: "passed-only",
  },
});
