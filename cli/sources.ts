import { createReadStream, statSync } from "node:fs";
import { isAbsolute, normalize } from "node:path";
import { glob } from "tinyglobby";

/** Something to read a report from. */
export interface Source {
  /** A path, or `-`. */
  name: string;
  /** When it was last written, in milliseconds since 1970: the same however often it is posted. */
  modified: number;
  open(): NodeJS.ReadableStream;
}

/** What the arguments of a command name. */
export interface Sources {
  found: Source[];
  /** Arguments that name no file. */
  missing: string[];
}

/** The files that names, globs and `-` stand for, each once, in order. */
export async function findSources(names: readonly string[]): Promise<Sources> {
  const found = new Map<string, Source>();
  const missing: string[] = [];
  for (const name of names) {
    const paths = await pathsOf(name);
    if (paths.length === 0) missing.push(name);
    for (const path of paths) found.set(path, sourceOf(path));
  }
  return { found: [...found.values()], missing };
}

async function pathsOf(name: string): Promise<string[]> {
  // A name with brackets in it may be a file as well as a pattern.
  if (name === "-" || statSync(name, { throwIfNoEntry: false })?.isFile()) return [name];
  const pattern = process.platform === "win32" ? name.replaceAll("\\", "/") : name;
  // A path is named as the user would: below here without a "./", elsewhere in full.
  const absolute = isAbsolute(name);
  const paths = await glob([pattern], { absolute, expandDirectories: false, dot: true });
  return paths.map((path) => normalize(path)).toSorted();
}

function sourceOf(path: string): Source {
  if (path === "-") return { name: "-", modified: Date.now(), open: () => process.stdin };
  const modified = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
  return { name: path, modified, open: () => createReadStream(path) };
}
