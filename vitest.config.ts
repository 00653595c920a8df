import { createHash } from "node:crypto";
import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { defineConfig } from "vitest/config";

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
        bindings: {
          BATCH_METRICS_TOKEN: "test-upload-token",
          MILLRACE_TOKENS: TEST_TOKENS,
          LEDGER_SHARDS: "4",
          REDELIVER_AFTER_SECONDS: "900",
          MIGRATIONS: await readD1Migrations({
            migrationsDir: "migrations",
            migrationsPattern: "migrations/**/*.sql",
          }),
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
