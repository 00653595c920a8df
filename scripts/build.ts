/**
 * `npm run build`: what is shipped, in `dist/`. The client is one file that needs nothing
 * but Node; the telemetry store is another, with its types.
 */
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { build } from "esbuild";

const common = {
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node22",
  logLevel: "warning",
} as const;

const output = process.argv[2] ?? "dist";
rmSync(output, { recursive: true, force: true });
await build({
  ...common,
  entryPoints: ["cli/main.ts"],
  outfile: `${output}/millrace.js`,
  // Some of the bundled libraries are CommonJS and ask for Node's modules by require().
  banner: {
    js: `#!/usr/bin/env node\nimport { createRequire as requireFrom } from "node:module";const require = requireFrom(import.meta.url);`,
  },
});
chmodSync(`${output}/millrace.js`, 0o755);
await build({
  ...common,
  entryPoints: ["cli/telemetry/index.ts"],
  outfile: `${output}/telemetry.js`,
});
declareTypes();

/** The file of the store's types is a declaration file already; what it lacks is the function. */
function declareTypes(): void {
  const types = readFileSync("cli/telemetry/entry.ts", "utf8");
  const store = "export declare const createTelemetryStore: CreateTelemetryStore;";
  writeFileSync(`${output}/telemetry.d.ts`, `${types}\n${store}\n`);
}
