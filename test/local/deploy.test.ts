import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { unstable_readConfig as readConfig } from "wrangler";
import { newFolder } from "../folder.ts";

/** Deploys, dryly, what binds these databases and says this beside. */
function deploy(bindings: readonly string[], vars: string, more = "") {
  const folder = newFolder();
  const databases = bindings.map(
    (binding) => `[[d1_databases]]\nbinding = "${binding}"\ndatabase_name = "${binding}"\n`,
  );
  const worker = `name = "millrace"\nmain = "index.js"\ncompatibility_date = "2026-10-01"`;
  writeFileSync(join(folder, "index.js"), "export default { fetch() {} }");
  const lines = [worker, `[vars]\n${vars}`, ...databases, more];
  writeFileSync(join(folder, "wrangler.toml"), lines.join("\n"));
  const script = join(process.cwd(), "scripts/deploy.ts");
  return spawnSync(process.execPath, [script, "--dry-run"], { cwd: folder, encoding: "utf8" });
}

test.for(['DATABASE_SHARDS = "2"', "DATABASE_SHARDS = 2"])(
  "a stream with fewer databases than %s is not deployed",
  (vars, { expect }) => {
    const { status, stdout, stderr } = deploy(["DB", "DB_1", "EXECUTIONS_DB"], vars);
    expect([status, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(
      'stream "executions" needs 2 databases, and is bound to 1: EXECUTIONS_DB',
    );
    expect(stderr).not.toContain("batch-metrics");
  },
);

test("what has databases enough is deployed, after each of them", ({ expect }) => {
  const enough = ["DB", "DB_1", "EXECUTIONS_DB", "EXECUTIONS_DB_1"];
  const { status, stdout, stderr } = deploy(enough, 'DATABASE_SHARDS = "2"');
  expect(status, stderr).toBe(0);
  expect(stdout).toContain("9. Deploy the Worker");
  expect(deploy(["DB", "EXECUTIONS_DB"], "LEDGER_SHARDS = 8").status).toBe(0);
});

test("what the service would not work with is not deployed, and each fault is named", ({
  expect,
}) => {
  const vars = [
    'LEDGER_SHARDS = "many"',
    "SYNC_WAIT_SECONDS = true",
    "DATABASE_SHARDS = 1.5",
    'EXECUTIONS_RETENTION_DAYS = "-1"',
  ];
  const { status, stdout, stderr } = deploy(["DB"], vars.join("\n"));
  expect([status, stdout]).toEqual([1, ""]);
  for (const variable of vars.map((line) => line.split(" ")[0])) {
    expect(stderr).toContain(`${variable} must be a whole number`);
  }
});

test("queues that the service would take for others are not deployed", ({ expect }) => {
  const queues = `
    [[queues.producers]]
    binding = "QUEUE"
    queue = "dead-letter-batches"
    [[queues.consumers]]
    queue = "dead-letter-batches"
    dead_letter_queue = "dead"`;
  const { status, stdout, stderr } = deploy(["DB"], "", queues);
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toContain('queue "dead-letter-batches" is no dead-letter queue');
  expect(stderr).toContain('dead_letter_queue "dead" must have "dead-letter" in its name');
});

test("the queue gives up as late as it can, and spares what a killed consumer leaves behind", ({
  expect,
}) => {
  expect(readConfig({ config: "wrangler.toml" })).toMatchObject({
    queues: {
      consumers: expect.arrayContaining([
        expect.objectContaining({ queue: "millrace-batches", max_retries: 100, retry_delay: 60 }),
      ]),
    },
  });
});
