import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** The real local service, as `npm start` runs it, with a port and a state of its own. */
export interface LocalServer {
  url: string;
  /** The folder of its state: survives `kill`, for the next `startServer`. */
  state: string;
  /** SIGKILL to the whole of it, at once. */
  kill(): Promise<void>;
}

/** A folder for the state of such a service. */
export function newState(): string {
  return mkdtempSync(join(tmpdir(), "millrace-"));
}

/** Starts the service, and waits until it answers. */
export async function startServer(state: string): Promise<LocalServer> {
  const port = await freePort();
  // A group of its own: killing the group kills wrangler and workerd with the script.
  const server = spawn("node", ["scripts/start.ts", "--var", "REDELIVER_AFTER_SECONDS:2"], {
    env: { ...process.env, PORT: String(port), MILLRACE_STATE: state },
    stdio: ["ignore", "pipe", "pipe"],
    detached: true,
  });
  const url = `http://127.0.0.1:${port}`;
  await answering(url, server);
  return { url, state, kill: () => killGroup(server) };
}

async function answering(url: string, server: ChildProcess): Promise<void> {
  let output = "";
  server.stdout?.on("data", (chunk) => (output += chunk));
  server.stderr?.on("data", (chunk) => (output += chunk));
  while (!(await fetch(`${url}/healthz`).catch(() => null))?.ok) {
    if (server.exitCode !== null) throw new Error(`the service did not start: ${output}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function killGroup(server: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    server.once("close", () => resolve());
    if (server.pid) process.kill(-server.pid, "SIGKILL");
  });
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
