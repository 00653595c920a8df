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
await buildAction(process.argv[3] ?? "action");

/** The file of the store's types is a declaration file already; what it lacks is the function. */
function declareTypes(): void {
  const types = readFileSync("cli/telemetry/entry.ts", "utf8");
  const store = "export declare const createTelemetryStore: CreateTelemetryStore;";
  writeFileSync(`${output}/telemetry.d.ts`, `${types}\n${store}\n`);
}

/**
 * The GitHub Action runs what is committed, with no install, so its two files are in the
 * repository; a test compares them with what this makes.
 */
async function buildAction(folder: string): Promise<void> {
  const action = { ...common, minify: true, legalComments: "none" } as const;
  const entryPoints = { main: "cli/action/main.ts", millrace: "cli/main.ts" };
  const banner = {
    js: `import { createRequire as requireFrom } from "node:module";const require = requireFrom(import.meta.url);`,
  };
  await build({ ...action, entryPoints, outdir: folder, outExtension: { ".js": ".mjs" }, banner });
}
