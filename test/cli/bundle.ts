import { type ChildProcess, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { inject } from "vitest";
import { newFolder } from "../folder.ts";
import { uploadNamed } from "./uploads.ts";

/** The folder of the client as it is shipped, and the client. */
export const dist = join(inject("built"), "dist");
export const bundle = join(dist, "millrace.js");

/** How a run of the client ended. */
export interface Run {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The client as a process of its own, which knows nothing of this machine but `settings`. */
export function start(
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
  args: readonly string[],
  settings: Record<string, string> = {},
  input = "",
): Promise<Run> {
  const { child, ended } = start(args, settings);
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
