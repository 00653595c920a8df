import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { unstable_readConfig as readConfig } from "wrangler";
import { newFolder } from "../folder.ts";

/** Deploys, dryly, what binds these databases. */
function deploy(shards: string, bindings: readonly string[]) {
  const folder = newFolder();
  const databases = bindings.map(
    (binding) => `[[d1_databases]]\nbinding = "${binding}"\ndatabase_name = "${binding}"\n`,
  );
  const worker = `name = "millrace"\nmain = "index.js"\ncompatibility_date = "2026-10-01"`;
  const vars = `[vars]\nDATABASE_SHARDS = "${shards}"`;
  writeFileSync(join(folder, "index.js"), "export default { fetch() {} }");
  writeFileSync(join(folder, "wrangler.toml"), [worker, vars, ...databases].join("\n"));
  const script = join(process.cwd(), "scripts/deploy.ts");
  return spawnSync(process.execPath, [script, "--dry-run"], { cwd: folder, encoding: "utf8" });
}

test("a stream with fewer databases than DATABASE_SHARDS is not deployed", ({ expect }) => {
  const { status, stdout, stderr } = deploy("2", ["DB", "DB_1", "EXECUTIONS_DB"]);
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toContain(
    'stream "executions" needs 2 databases, and is bound to 1: EXECUTIONS_DB',
  );
  expect(stderr).not.toContain("batch-metrics");
});

test("what has databases enough is deployed, after each of them", ({ expect }) => {
  const enough = ["DB", "DB_1", "EXECUTIONS_DB", "EXECUTIONS_DB_1"];
  const { status, stdout, stderr } = deploy("2", enough);
  expect(status, stderr).toBe(0);
  expect(stdout).toContain("9. Deploy the Worker");
  expect(deploy("1", ["DB", "EXECUTIONS_DB"]).status).toBe(0);
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
