import { stat, type PathLike, type Stats } from "node:fs";
import { join } from "node:path";
import { glob } from "tinyglobby";

/** The directories a pattern begins with, up to the first part that may have several names. */
const LITERAL = /^(?:[^/*?[\]{}()|\\]*\/)*/;

/** For links only: what it fails on is passed over. */
const statFile = Object.assign(
  (path: PathLike, callback: (error: Error | null, stats: Stats) => void) =>
    stat(path, (error, stats) => {
      const isDirectory = !error && stats.isDirectory();
      callback(isDirectory ? new Error("a link to a directory") : error, stats);
    }),
  stat,
);

/**
 * The files of a pattern, named as it begins, in order. Those in `node_modules` are somebody
 * else's, unless the pattern names it.
 */
export async function filesOf(pattern: string): Promise<string[]> {
  const [directory = ""] = LITERAL.exec(pattern) ?? [];
  const found = await glob([pattern.slice(directory.length)], {
    // The search begins there, so that it may be a link, or outside of the working directory.
    cwd: directory,
    ignore: pattern.includes("node_modules") ? [] : ["**/node_modules/**"],
    expandDirectories: false,
    dot: true,
    // As in a shell: `**` goes through no link, since a few that lead upwards make it endless.
    ...(pattern.includes("**") && { fs: { stat: statFile } }),
  });
  return found.map((path) => join(directory, path)).toSorted();
}
