import { type ChildProcess, spawn } from "node:child_process";
import { createServer } from "node:net";

/** The real local service, as `npm start` runs it, with a port and a state of its own. */
export interface LocalServer {
  url: string;
  /** The folder of its state: survives `kill`, for the next `startServer`. */
  state: string;
  /** SIGKILL to the whole of it, at once. */
  kill(): Promise<void>;
}

/** How long the service may take to answer: a start takes 5 s, and many at once take longer. */
const PATIENCE_MS = 90_000;

/**
 * Starts the service, and waits until it answers. It ends with this process, however that ends.
 * @throws Error with what it printed where it ends by itself, or does not answer in time.
 */
export async function startServer(state: string, patience_ms = PATIENCE_MS): Promise<LocalServer> {
  const port = await freePort();
  const server = spawn("node", ["scripts/start.ts", "--var", "REDELIVER_AFTER_SECONDS:2"], {
    env: { ...process.env, PORT: String(port), MILLRACE_STATE: state },
    // The channel tells the script when this process is gone.
    stdio: ["ignore", "pipe", "pipe", "ipc"],
    // A group of its own: killing the group kills wrangler and workerd with the script.
    detached: true,
  });
  const url = `http://127.0.0.1:${port}`;
  try {
    await answering(url, server, patience_ms);
  } catch (error) {
    await killGroup(server);
    throw error;
  }
  return { url, state, kill: () => killGroup(server) };
}

async function answering(url: string, server: ChildProcess, patience_ms: number): Promise<void> {
  let output = "";
  server.stdout?.on("data", (chunk) => (output += chunk));
  server.stderr?.on("data", (chunk) => (output += chunk));
  const giveUp = Date.now() + patience_ms;
  // Another service may have the port: this one is meant, so it must say itself that it serves.
  while (!output.includes(`Millrace serves on ${url} `) || !(await isUp(url))) {
    if (hasEnded(server)) throw new Error(`the service did not start: ${output}`);
    if (Date.now() > giveUp) throw new Error(`the service does not answer: ${output}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function isUp(url: string): Promise<boolean> {
  const signal = AbortSignal.timeout(5_000);
  const answer = await fetch(`${url}/healthz`, { signal }).catch(() => null);
  return answer?.ok === true;
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

function killGroup(server: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (hasEnded(server)) return resolve();
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
