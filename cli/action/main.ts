/**
 * The GitHub Action: runs the client with the step's inputs, writes the step's summary, and
 * lets the build go on unless it was asked not to. Everything it needs is beside it.
 */
import { spawn } from "node:child_process";
import { appendFileSync } from "node:fs";
import { join } from "node:path";
import { text as textOf } from "node:stream/consumers";
import * as v from "valibot";
import { uploadsIn } from "../spool/entry.ts";
import { summaryOf, UploadReport } from "./summary.ts";

const failOnError = input("fail-on-error") === "true";
try {
  await run();
} catch (error) {
  warn(error instanceof Error ? error.message : String(error));
  if (failOnError) process.exitCode = 1;
}

async function run(): Promise<void> {
  const files = input("files")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const { stdout, stderr, status, interrupted } = await runClient([...optionsOf(), "--", ...files]);
  for (const line of stderr.split("\n"))
    if (line.trim() !== "") warn(line.replace(/^warning: /, ""));
  if (interrupted) process.exitCode = status ?? 1;
  if (stdout.trim() === "") throw new Error(`millrace ended with ${status} and told nothing`);

  const report: unknown = JSON.parse(stdout);
  // What went wrong is among the warnings.
  if (!v.is(UploadReport, report))
    throw new Error(`millrace ended with ${status} and did not report`);
  const { written = 0, pending = 0, dead = 0, spooled = 0, refused = 0 } = report.counts;
  const summary = summaryOf(report);
  console.log(summary);
  write("GITHUB_STEP_SUMMARY", summary);
  const delivered = written + pending + dead;
  // Whoever it is for and whichever run kept it: a workflow that saves the spool goes by this.
  const inSpool = report.spool.waiting + report.spool.refused + uploadsIn(report.spool.elsewhere);
  // A spool that could not be read to its end says nothing of what this run has kept.
  const kept = Math.max(inSpool, spooled + refused);
  write("GITHUB_OUTPUT", `delivered=${delivered}\nspooled=${kept}\n`);
  if (failOnError && status !== 0) process.exitCode = status ?? 1;
}

/** Runs the client to its end. A job that is cancelled lets it end in order: it keeps what is not delivered. */
async function runClient(options: string[]) {
  const client = join(import.meta.dirname, "millrace.mjs");
  const child = spawn(process.execPath, [client, ...options], {
    env: environmentOf(),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let interrupted = false;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      interrupted = true;
      child.kill(name);
    });
  }
  const closed = new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  const parts = [textOf(child.stdout), textOf(child.stderr), closed] as const;
  const [stdout, stderr, status] = await Promise.all(parts);
  return { stdout, stderr, status, interrupted };
}

function optionsOf(): string[] {
  return [
    "upload",
    "--json",
    ...flag("wait"),
    ...flag("failures-only"),
    ...flag("fail-on-error"),
    ...option("batch-id"),
    ...option("ecosystem"),
    ...option("platform"),
    ...option("spool"),
    ...option("deadline"),
  ];
}

function flag(name: string): string[] {
  return input(name) === "true" ? [`--${name}`] : [];
}

function option(name: string): string[] {
  return input(name) === "" ? [] : [`--${name}`, input(name)];
}

/** The token goes by the environment: arguments can be seen by every process. */
function environmentOf(): NodeJS.ProcessEnv {
  return {
    // HTTPS_PROXY and its like, which Node ignores unless told. A runner may say otherwise.
    NODE_USE_ENV_PROXY: "1",
    ...process.env,
    ...proxyless(),
    MILLRACE_URL: input("url"),
    MILLRACE_TOKEN: input("token"),
    MILLRACE_CANCELLED: input("cancelled"),
    // "null" is the matrix of a job that has none.
    ...(!["", "null"].includes(input("job-key")) && { MILLRACE_JOB_KEY: input("job-key") }),
  };
}

/**
 * Node that is told to use a proxy ends at its start where it cannot read the proxy's address, and
 * shows it with its password. The client then goes without, rather than not at all.
 */
function proxyless(): NodeJS.ProcessEnv {
  const names = ["http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"];
  const wrong = names.filter((name) => {
    const address = process.env[name];
    return address && !isAddress(address);
  });
  if (wrong.length === 0 || process.env["NODE_USE_ENV_PROXY"] === "0") return {};
  warn(`${wrong.join(", ")}: not an address like http://proxy:3128, so no proxy is used`);
  return { NODE_USE_ENV_PROXY: "0" };
}

function isAddress(text: string): boolean {
  try {
    const { protocol, username, password } = new URL(text);
    // Node decodes both, and ends where it cannot.
    decodeURIComponent(username + password);
    return protocol === "http:" || protocol === "https:";
  } catch {
    return false;
  }
}

/** An input of the step, as the runner passes it. */
function input(name: string): string {
  return (process.env[`INPUT_${name.toUpperCase()}`] ?? "").trim();
}

function write(variable: string, text: string): void {
  const path = process.env[variable];
  if (path) appendFileSync(path, text);
}

/** An annotation; line ends and percent signs are the runner's own. */
function warn(text: string): void {
  console.log(
    `::warning title=Millrace::${text.replaceAll("%", "%25").replaceAll("\r", "%0D").replaceAll("\n", "%0A")}`,
  );
}
