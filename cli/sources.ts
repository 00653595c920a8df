import { createReadStream, statSync } from "node:fs";
import { isAbsolute, normalize } from "node:path";
import { glob } from "tinyglobby";
import { reasonOf } from "./failure.ts";

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
  /** What cannot be read, and why. */
  missing: { name: string; reason: string }[];
}

/** The files that names, globs and `-` stand for, each once, in order. */
export async function findSources(names: readonly string[]): Promise<Sources> {
  const paths: string[] = [];
  const found: Source[] = [];
  const missing: Sources["missing"] = [];
  for (const name of names) {
    try {
      paths.push(...(await pathsOf(name)));
    } catch (error) {
      missing.push({ name, reason: reasonOf(error) });
    }
  }
  for (const path of new Set(paths)) {
    try {
      found.push(sourceOf(path, found.length === 0));
    } catch (error) {
      missing.push({ name: path, reason: reasonOf(error) });
    }
  }
  return { found, missing };
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
  const pattern = process.platform === "win32" ? name.replaceAll("\\", "/") : name;
  // A path is named as the user would: below here without a "./", elsewhere in full.
  const absolute = isAbsolute(name);
  const found = await glob([pattern], { absolute, expandDirectories: false, dot: true });
  if (found.length === 0) throw fault;
  return found.map((path) => normalize(path)).toSorted();
}

function sourceOf(path: string, first: boolean): Source {
  // Standard input by its path would block a thread that the process has to wait for when it ends.
  if (path === "-" || path === "/dev/stdin") {
    return { name: path, modified: Date.now(), first, waits: true, open: () => process.stdin };
  }
  const stats = statSync(path);
  const open = () => createReadStream(path);
  return { name: path, modified: stats.mtimeMs, first, waits: !stats.isFile(), open };
}
