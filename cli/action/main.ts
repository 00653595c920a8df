/**
 * The GitHub Action: runs the client with the step's inputs, writes the step's summary, and
 * lets the build go on unless it was asked not to. Everything it needs is beside it.
 */
import { spawnSync } from "node:child_process";
import { appendFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as v from "valibot";
import { summaryOf, UploadReport } from "./summary.ts";

const failOnError = input("fail-on-error") === "true";
try {
  run();
} catch (error) {
  warn(error instanceof Error ? error.message : String(error));
  if (failOnError) process.exitCode = 1;
}

function run(): void {
  const files = input("files")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
  const client = fileURLToPath(new URL("millrace.mjs", import.meta.url).href);
  const { stdout, stderr, status } = spawnSync(
    process.execPath,
    [client, ...optionsOf(), "--", ...files],
    {
      env: environmentOf(),
      encoding: "utf8",
      maxBuffer: 256 * 1024 * 1024,
    },
  );
  for (const line of stderr.split("\n"))
    if (line.trim() !== "") warn(line.replace(/^warning: /, ""));
  if (stdout.trim() === "") throw new Error(`millrace ended with ${status} and told nothing`);

  const report = v.parse(UploadReport, JSON.parse(stdout));
  const { written = 0, pending = 0, spooled = 0 } = report.counts;
  const summary = summaryOf(report, input("url"));
  console.log(summary);
  write("GITHUB_STEP_SUMMARY", summary);
  write("GITHUB_OUTPUT", `delivered=${written + pending}\nspooled=${spooled}\n`);
  if (failOnError && status !== 0) process.exitCode = status ?? 1;
}

function optionsOf(): string[] {
  return [
    "upload",
    "--json",
    ...flag("wait"),
    ...flag("fail-on-error"),
    ...option("batch-id"),
    ...option("ecosystem"),
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
    ...process.env,
    MILLRACE_URL: input("url"),
    MILLRACE_TOKEN: input("token"),
    MILLRACE_CANCELLED: input("cancelled"),
  };
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
