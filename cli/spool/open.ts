import { reasonOf } from "../failure.ts";
import type { Output } from "../output.ts";
import { spoolPathOf } from "../settings.ts";
import { claimOrRead } from "./claim-or-read.ts";
import type { Kept } from "./entry.ts";
import { IN_MEMORY, Spool } from "./spool.ts";

/**
 * The spool of the options, with what older runs left in it claimed; or an empty one in memory
 * where the file cannot be used: an upload that cannot be kept is still sent.
 * @param most how many older uploads are claimed.
 */
export function openSpool(
  options: { spool?: string | undefined },
  most: number,
  output: Output,
): { spool: Spool; older: Kept[] } {
  let path = "";
  try {
    path = spoolPathOf(options);
    const spool = new Spool(path);
    const state = spool.check();
    if (state !== "ok") throw new Error(`it is damaged: ${state}`);
    const older = claimOrRead(spool, { most, refused: false }, (reason) =>
      output.warn(`the spool ${path} failed: ${reason}`),
    );
    return { spool, older };
  } catch (error) {
    output.warn(
      `the spool${path && ` ${path}`} cannot be used (${reasonOf(error)}): what is not delivered now is lost`,
    );
    return { spool: new Spool(IN_MEMORY), older: [] };
  }
}
