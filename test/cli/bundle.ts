import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { newFolder } from "../folder.ts";
import { uploadNamed } from "./upload-named.ts";

/** How a run of the client ended. */
export interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Builds the bundle as it is shipped, away from node_modules, and returns its file. */
export function buildBundle(): string {
  const folder = join(newFolder(), "dist");
  execFileSync(process.execPath, ["scripts/build.ts", folder, `${folder}-action`], {
    stdio: "pipe",
  });
  return join(folder, "millrace.js");
}

/** The client as a process of its own, which knows nothing of this machine but `settings`. */
export function start(
  bundle: string,
  args: readonly string[],
  settings: Record<string, string>,
): { child: ChildProcess; ended: Promise<Run> } {
  const child = spawn(process.execPath, [bundle, ...args], {
    env: { PATH: process.env["PATH"] ?? "", HOME: newFolder(), ...settings },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const said: Run = { code: null, stdout: "", stderr: "" };
  child.stdout.on("data", (chunk) => (said.stdout += chunk));
  child.stderr.on("data", (chunk) => (said.stderr += chunk));
  const ended = new Promise<Run>((resolve) => {
    child.on("close", (code) => resolve({ ...said, code }));
  });
  return { child, ended };
}

/** Runs the client to its end. */
export function run(
  bundle: string,
  args: readonly string[],
  settings: Record<string, string> = {},
  input = "",
): Promise<Run> {
  const { child, ended } = start(bundle, args, settings);
  child.stdin?.end(input);
  return ended;
}

/** So many uploads, each in a file of the folder. */
export function writeUploads(folder: string, prefix: string, count: number) {
  return Array.from({ length: count }, (_, index) => {
    const upload = uploadNamed(`${prefix}-${index}`);
    writeFileSync(join(folder, `${prefix}-${index}.json`), upload.text);
    return upload;
  });
}
