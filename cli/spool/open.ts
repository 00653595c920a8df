import { reasonOf } from "../failure.ts";
import type { Output } from "../output.ts";
import { Spool } from "./spool.ts";

/**
 * The spool of that file, or one in memory where the file cannot be used: an upload that
 * cannot be kept is still sent.
 */
export function openSpool(path: string, output: Output): Spool {
  try {
    return new Spool(path);
  } catch (error) {
    output.warn(
      `the spool ${path} cannot be used (${reasonOf(error)}): what is not delivered now is lost`,
    );
    return new Spool(":memory:");
  }
}
