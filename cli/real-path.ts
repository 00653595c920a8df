import { realpathSync } from "node:fs";

/** What a path leads to in the end, over all links; the path itself where there is nothing. */
export function realOf(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
