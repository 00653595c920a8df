import { createReadStream, statSync } from "node:fs";
import { reasonOf } from "./failure.ts";
import { filesOf } from "./pattern.ts";
import { realOf } from "./real-path.ts";

/** Something to read a report from. */
export interface Source {
  /** A path, or `-`. */
  name: string;
  /** When it was last written, in milliseconds since 1970: the same however often it is posted. */
  modified: number;
  /** Whether it is the first of its command: what counts for all of them together goes with it. */
  first: boolean;
  /** Whether it is standard input or a pipe, which end when another process likes. */
  waits: boolean;
  open(): NodeJS.ReadableStream;
}

/** What the arguments of a command name. */
export interface Sources {
  found: Source[];
  /** Whether one file was asked for, and by its name: a glob that finds one may find two next time. */
  single: boolean;
  /** What cannot be read, and why. */
  missing: { name: string; reason: string }[];
}

/**
 * The files that names, globs and `-` stand for, in order. Each is found once, however many paths
 * lead to it, and by the first of them.
 */
export async function findSources(names: readonly string[]): Promise<Sources> {
  const paths = new Map<string, string>();
  const found: Source[] = [];
  const missing: Sources["missing"] = [];
  for (const name of names) {
    try {
      for (const path of await pathsOf(name)) {
        const file = isStandardInput(path) ? "-" : realOf(path);
        if (!paths.has(file)) paths.set(file, path);
      }
    } catch (error) {
      missing.push({ name, reason: reasonOf(error) });
    }
  }
  for (const path of paths.values()) {
    try {
      found.push(sourceOf(path, found.length === 0));
    } catch (error) {
      missing.push({ name: path, reason: reasonOf(error) });
    }
  }
  return { found, single: names.length === 1 && found[0]?.name === names[0], missing };
}

/** @throws where there is nothing of that name. */
async function pathsOf(name: string): Promise<string[]> {
  if (name === "-") return [name];
  let fault: unknown = new Error("there is no such file");
  try {
    // A name with brackets in it may be a file as well as a pattern; a pipe is one too.
    const stats = statSync(name, { throwIfNoEntry: false });
    if (stats?.isDirectory()) fault = new Error("this is a directory: name the files in it");
    else if (stats) return [name];
  } catch (error) {
    // As a pattern it may still find something.
    fault = error;
  }
  const found = await filesOf(process.platform === "win32" ? name.replaceAll("\\", "/") : name);
  if (found.length === 0) throw fault;
  return found;
}

function isStandardInput(path: string): boolean {
  return path === "-" || path === "/dev/stdin";
}

function sourceOf(path: string, first: boolean): Source {
  // Standard input by its path would block a thread that the process has to wait for when it ends.
  if (isStandardInput(path)) {
    return { name: path, modified: Date.now(), first, waits: true, open: () => process.stdin };
  }
  const stats = statSync(path);
  const open = () => createReadStream(path);
  return { name: path, modified: stats.mtimeMs, first, waits: !stats.isFile(), open };
}
