/**
 * `npm start`: the whole service on this machine, with real local D1, queue and Durable Objects.
 * Makes `.dev.vars` where there is none, migrates the databases, and serves.
 */
import { spawn, spawnSync } from "node:child_process";
import { boundDatabases } from "./databases.ts";
import { ensureDevVars } from "./dev-vars.ts";

const ADDRESS = "127.0.0.1";
const port = process.env["PORT"] ?? "8787";
const url = `http://${ADDRESS}:${port}`;

const environment = {
  ...process.env,
  // Nothing is fetched or reported: the service runs with no account and no network.
  CLOUDFLARE_CF_FETCH_ENABLED: "false",
  WRANGLER_SEND_METRICS: "false",
};

ensureDevVars();
for (const { binding } of boundDatabases()) migrate(binding);
serve();

function migrate(binding: string): void {
  const args = ["d1", "migrations", "apply", binding, "--local", ...persistence()];
  const { status, stdout, stderr } = spawnSync("wrangler", args, {
    env: { ...environment, CI: "true" },
    encoding: "utf8",
  });
  if (status === 0) return;
  console.error(`${stdout}\n${stderr}\nThe local database ${binding} could not be migrated.`);
  process.exit(1);
}

function serve(): void {
  const args = ["dev", "--ip", ADDRESS, "--port", port, "--show-interactive-dev-session=false"];
  const server = spawn(
    "wrangler",
    [...args, `--log-level=${process.env["MILLRACE_LOG"] ?? "warn"}`, ...persistence()],
    {
      env: environment,
      stdio: ["ignore", "inherit", "inherit"],
    },
  );
  server.on("exit", (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => server.kill(signal));
  }
  void announce();
}

async function announce(): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    const answer = await fetch(`${url}/healthz`).catch(() => null);
    if (answer?.ok) break;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  console.log(`
Millrace serves on ${url}   (Ctrl-C ends it)

Post a first batch, from another terminal:

curl -sS ${url}/batch-metrics \\
  -H "Authorization: Bearer dev-upload-token" \\
  -H "Content-Type: application/json" \\
  -d '{"batch_id":"first","ecosystem":"npm","started_at":"2026-11-20T12:00:00Z","total_recipes":1,"results":[{"recipe_name":"left-pad","ecosystem":"npm","result":"passed"}]}'
`);
}

/** Where the local state lives, if not in `.wrangler/state`. */
function persistence(): string[] {
  const path = process.env["MILLRACE_STATE"];
  return path ? ["--persist-to", path] : [];
}
