import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { MAX_BATCH_ID_LENGTH } from "./limits.ts";
import { realOf } from "./real-path.ts";
import { shortHash } from "./short-hash.ts";

/**
 * A file's name as a `batch_id` may have it, another for each file of a job. The path is the
 * one below the workspace, so that it does not depend on the directory of the step. Where
 * characters are lost, a hash keeps apart what that made alike.
 * @param workspace where the CI system put the repository; without one it is the working directory.
 */
export function slugOf(file: string, workspace: string | undefined): string {
  const path = pathBelow(resolve(workspace || "."), resolve(file));
  const slug = path.replaceAll(/[^A-Za-z0-9._-]+/g, "-").replaceAll(/^[.-]+|-+$/g, "");
  if (slug === path) return slug;
  const hash = shortHash(path);
  return slug === "" ? hash : `${slug}-${hash}`;
}

/** A name with a suffix; one that gets too long loses its middle to a hash of the whole. */
export function suffixed(name: string, suffix: string): string {
  const whole = `${name}${suffix}`;
  if (whole.length <= MAX_BATCH_ID_LENGTH) return whole;
  const hash = shortHash(whole, 16);
  const tail = `-${hash}`;
  const end = suffix.length <= 40 ? suffix : "";
  return `${name.slice(0, MAX_BATCH_ID_LENGTH - tail.length - end.length)}${tail}${end}`;
}

/** Below the directory with slashes, elsewhere in full. The way to either may lead over a link. */
function pathBelow(directory: string, file: string): string {
  const [real, realFile] = [realOf(directory), join(realOf(dirname(file)), basename(file))];
  const paths = [relative(directory, file), relative(real, file), relative(real, realFile)];
  const inside = paths.find((path) => !path.startsWith(`..${sep}`) && !isAbsolute(path));
  return (inside ?? file).replaceAll(sep, "/");
}
