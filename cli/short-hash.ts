import { createHash } from "node:crypto";

/** The beginning of a text's SHA-256 in hexadecimal digits: enough to tell a few names apart. */
export function shortHash(text: string, digits = 8): string {
  return createHash("sha256").update(text).digest("hex").slice(0, digits);
}
