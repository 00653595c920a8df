/**
 * `npm run deploy`: provision, migrate, deploy, in the one order that also works the first
 * time. The Worker must never meet a database without its tables, so the databases come
 * first, each with its migrations; queues come with the Worker that binds them.
 * `--dry-run` shows the steps and builds, without an account.
 */
import { spawnSync } from "node:child_process";
import { STREAMS } from "../src/streams/index.ts";
import { boundDatabases, configurationFaults } from "./configuration.ts";

const dryRun = process.argv.includes("--dry-run");

const faults = configurationFaults(STREAMS);
if (faults.length > 0) {
  console.error("The service could not work with this wrangler.toml:");
  for (const line of faults) console.error(`  ${line}`);
  process.exit(1);
}

const steps: { what: string; args: string[]; skip?: () => boolean }[] = [
  ...boundDatabases().flatMap(({ binding, name }) => [
    {
      what: `Provision the database ${name}, unless it is there`,
      args: ["d1", "create", name, "--update-config=false"],
      skip: () => databaseExists(name),
    },
    {
      what: "Migrate it: every stream's folder, what is not applied yet",
      args: ["d1", "migrations", "apply", binding, "--remote"],
    },
  ]),
  {
    what: "Deploy the Worker; its queues and Durable Objects are provisioned with it",
    args: ["deploy", ...(dryRun ? ["--dry-run"] : [])],
  },
];

for (const [index, { what, args, skip }] of steps.entries()) {
  console.log(`\n${index + 1}. ${what}\n   wrangler ${args.join(" ")}`);
  if (dryRun && args[0] !== "deploy") continue;
  if (skip?.()) {
    console.log("   (it is there)");
    continue;
  }
  run(args);
}
if (!dryRun) {
  console.log(`
Deployed. The first time, set the upload token; until then every upload is refused:
   npx wrangler secret put BATCH_METRICS_TOKEN`);
}

function databaseExists(wanted: string): boolean {
  const { status, stdout } = wrangler(["d1", "list", "--json"], "pipe");
  if (status !== 0) {
    console.error("   wrangler cannot list the databases. Log in first: npx wrangler login");
    process.exit(1);
  }
  const databases: { name: string }[] = JSON.parse(stdout);
  return databases.some(({ name }) => name === wanted);
}

function run(args: string[]): void {
  const { status } = wrangler(args, "inherit");
  if (status === 0) return;
  console.error("   This step failed. What came before stands; run the command again to go on.");
  process.exit(status ?? 1);
}

function wrangler(args: string[], stdout: "pipe" | "inherit") {
  return spawnSync("wrangler", args, {
    // CI: a question would wait for ever where nobody is there to answer it.
    env: { ...process.env, CI: "true" },
    stdio: ["inherit", stdout, "inherit"],
    encoding: "utf8",
  });
}
