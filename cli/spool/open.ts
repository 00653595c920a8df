import { reasonOf } from "../failure.ts";
import type { Output } from "../output.ts";
import { spoolPathOf } from "../settings.ts";
import { IN_MEMORY, type Reach, Spool } from "./spool.ts";

/**
 * The spool of the options, or an empty one in memory where the file cannot be used: an upload
 * that cannot be kept is still sent.
 */
export function openSpool(
  options: { spool?: string | undefined },
  reach: Reach,
  output: Output,
): Spool {
  let path = "";
  try {
    path = spoolPathOf(options);
    const spool = new Spool(path, reach);
    // Not a check of the whole file, which takes 0.2 to 12 s for 500 MB, before any deadline counts.
    // Damage that is met later costs no upload: what the spool fails to keep or to claim is sent all
    // the same, and said.
    spool.probe();
    return spool;
  } catch (error) {
    output.warn(
      `the spool${path && ` ${path}`} cannot be used (${reasonOf(error)}): what is not delivered now is lost`,
    );
    return new Spool(IN_MEMORY, reach);
  }
}
