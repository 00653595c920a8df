/**
 * `npm start`: the whole service on this machine, with real local D1, queue and Durable Objects.
 * Makes `.dev.vars` where there is none, migrates the databases, and serves. What is given after
 * `npm start --` goes to `wrangler dev`, and wins over the environment:
 *
 * - `PORT`: where to serve, else 8787 (`--port`);
 * - `MILLRACE_STATE`: the folder of databases and objects, else `.wrangler/state` (`--persist-to`);
 * - `MILLRACE_LOG`: what to print of wrangler's log, else `warn` (`--log-level`).
 */
import { spawn, spawnSync } from "node:child_process";
import { parseArgs } from "node:util";
import * as v from "valibot";
import { boundDatabases } from "./configuration.ts";
import { ensureDevVars } from "./dev-vars.ts";

const environment = {
  ...process.env,
  // Nothing is fetched or reported: the service runs with no account and no network.
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
};

/** What was given after `npm start --`. */
const given = process.argv.slice(2);
const { values } = parseArgs({
  args: given,
  strict: false,
  options: {
    port: { type: "string" },
    "persist-to": { type: "string" },
    "local-protocol": { type: "string" },
  },
});

ensureDevVars();
for (const { binding } of boundDatabases()) migrate(binding);
serve();

function migrate(binding: string): void {
  const state = values["persist-to"] ?? process.env["MILLRACE_STATE"];
  const where = state ? [`--persist-to=${state}`] : [];
  const args = ["d1", "migrations", "apply", binding, "--local", ...where];
  const { status, stdout, stderr } = spawnSync("wrangler", args, {
    env: { ...environment, CI: "true" },
    encoding: "utf8",
  });
  if (status === 0) return;
  console.error(`${stdout}\n${stderr}\nThe local database ${binding} could not be migrated.`);
  process.exit(1);
}

function serve(): void {
  const state = process.env["MILLRACE_STATE"];
  const own = {
    ip: "127.0.0.1",
    port: process.env["PORT"] ?? "8787",
    "log-level": process.env["MILLRACE_LOG"] ?? "warn",
    "show-interactive-dev-session": "false",
    ...(state && { "persist-to": state }),
  };
  const missing = Object.entries(own).filter(([name]) => !(name in values));
  const args = missing.map(([name, value]) => `--${name}=${value}`);
  const server = spawn("wrangler", ["dev", ...args, ...given], {
    env: environment,
    // By the channel it says that it serves, and where.
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  server.on("message", (message) => announce(message));
  server.on("exit", (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => server.kill(signal));
  }
  // Whoever started this with a channel is gone, however it ended.
  process.on("disconnect", () => server.kill());
}

/** What wrangler says by the channel when it serves. */
const Ready = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ event: v.literal("DEV_SERVER_READY"), ip: v.string(), port: v.number() }),
);

function announce(message: unknown): void {
  const ready = v.safeParse(Ready, message);
  if (!ready.success) return;
  const secure = values["local-protocol"] === "https";
  const url = `${secure ? "https" : "http"}://${ready.output.ip}:${ready.output.port}`;
  console.log(`
Millrace serves on ${url}   (Ctrl-C ends it)

Post a first batch, from another terminal:

curl -sS${secure ? "k" : ""} ${url}/batch-metrics \\
  -H "Authorization: Bearer dev-upload-token" \\
  -H "Content-Type: application/json" \\
  -d '{"batch_id":"first","ecosystem":"npm","started_at":"2026-11-20T12:00:00Z","total_recipes":1,"results":[{"recipe_name":"left-pad","ecosystem":"npm","result":"passed"}]}'
`);
}
