import { spawn, spawnSync } from "node:child_process";
import { chmodSync, globSync, mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { once } from "node:events";
import pg from "pg";
import type { Contestant, Running, Written } from "./contestant.ts";
import { processTree } from "./process-cost.ts";

/** Tuned for the load: memory and checkpoints, while every commit still waits for the disk. */
const SETTINGS = {
  shared_buffers: "1GB",
  max_wal_size: "8GB",
  checkpoint_timeout: "30min",
  wal_buffers: "64MB",
  wal_compression: "on",
  effective_io_concurrency: "200",
  autovacuum_naptime: "30s",
};

/** Where PostgreSQL's programs are; undefined where it is not installed. */
const binaries = globSync("/usr/lib/postgresql/*/bin").toSorted().at(-1);

/** PostgreSQL refuses to run as root. */
const asUser = process.getuid?.() === 0 ? ["runuser", "-u", "postgres", "--"] : [];

/** Why the contestants on PostgreSQL are left out, or null. */
export const skipped = binaries
  ? null
  : "Skipped: PostgreSQL is not installed (Debian: apt-get install postgresql).";

/** Fastify on PostgreSQL, writing in the request. */
export const fastifyContestant: Contestant = {
  name: "fastify+postgres",
  answers: [201],
  start: () => start(),
};

/** The same, queued by pg-boss. */
export const pgBossContestant: Contestant = {
  name: "fastify+pg-boss",
  answers: [202],
  start: () => start("queued"),
  startHeld: () => start("held"),
};

/** @param boss whether pg-boss queues, and whether its workers wait for `/bench/release`. */
async function start(boss: "" | "queued" | "held" = ""): Promise<Running> {
  const cluster = await startCluster();
  const connectionString = `postgres://postgres@127.0.0.1:${cluster.port}/postgres`;
  const server = spawn("node", ["bench/servers/fastify.ts"], {
    env: { ...process.env, DATABASE_URL: connectionString, BOSS: boss },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const [line] = await once(server.stdout, "data");
  const client = new pg.Client({ connectionString });
  await client.connect();
  return {
    url: String(line).trim(),
    token: "none",
    pids: () => [server.pid, cluster.pid].flatMap((pid) => (pid ? processTree(pid) : [])),
    written: writtenBy(client),
    async stop() {
      await client.end();
      server.kill("SIGTERM");
      await once(server, "exit");
      await cluster.stop();
    },
  };
}

function writtenBy(client: pg.Client): Written {
  const number = async (text: string, parameters: unknown[]) =>
    Number((await client.query(text, parameters)).rows[0]?.number);
  return {
    count: () => number("SELECT count(*) AS number FROM batch_runs", []),
    missing: (ids) =>
      number(
        `SELECT count(*) AS number FROM unnest($1::text[]) AS answered (answered_id)
         WHERE NOT EXISTS (SELECT 1 FROM batch_runs WHERE batch_id = answered_id)`,
        [ids],
      ),
  };
}

async function startCluster() {
  const directory = mkdtempSync(join(tmpdir(), "millrace-postgres-"));
  chmodSync(directory, 0o777);
  const data = join(directory, "data");
  run(["initdb", "--pgdata", data, "--auth=trust", "--username=postgres", "--encoding=UTF8"]);
  const port = await freePort();
  const settings = Object.entries({ ...SETTINGS, unix_socket_directories: directory });
  const options = settings.flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const [command = "", ...args] = [
    ...asUser,
    `${binaries}/postgres`,
    "-D",
    data,
    "-h",
    "127.0.0.1",
    "-p",
    String(port),
    ...options,
  ];
  const server = spawn(command, args, { stdio: "ignore" });
  await answering(port);
  return {
    port,
    pid: server.pid,
    async stop() {
      run(["pg_ctl", "stop", "--pgdata", data, "--mode=fast"]);
      if (server.exitCode === null) await once(server, "exit");
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

function run([program = "", ...rest]: string[]): void {
  const [command = "", ...args] = [...asUser, `${binaries}/${program}`, ...rest];
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${program} failed: ${stderr}`);
}

async function answering(port: number): Promise<void> {
  for (let tries = 1; ; tries++) {
    const client = new pg.Client({ host: "127.0.0.1", port, user: "postgres" });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (tries === 200) throw error;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
