import { MAX_WAIT_SECONDS } from "../limits.ts";

/** How long the caller lets us wait for the batch to be written, and what of `Prefer` is honoured. */
export interface Preference {
  wait_ms: number;
  /** The value of `Preference-Applied`, or null where nothing was asked for. */
  applied: string | null;
}

/** What stands between two commas, of which those in a quoted value are none. */
const WISH = /(?:"(?:\\.|[^"\\])*"?|[^,"])+/g;

/**
 * Reads `Prefer` as of RFC 7240: `respond-async`, `wait=N` in seconds, or both. A preference
 * that is not understood is ignored, as the RFC asks.
 */
export function preferenceOf(header: string | null, defaultSeconds: number): Preference {
  const wishes = new Map<string, string>();
  for (const [wish] of (header ?? "").matchAll(WISH)) {
    const [name = "", value = ""] = (wish.split(";")[0] ?? "").split("=");
    const token = name.trim().toLowerCase();
    // Of a preference named twice, the first counts.
    if (!wishes.has(token)) wishes.set(token, value.trim().replaceAll('"', ""));
  }
  const wait = wishes.get("wait");
  if (wait !== undefined && /^\d+$/.test(wait)) {
    const seconds = Math.min(Number(wait), MAX_WAIT_SECONDS);
    return { wait_ms: seconds * 1000, applied: `wait=${seconds}` };
  }
  if (wishes.has("respond-async")) return { wait_ms: 0, applied: "respond-async" };
  return { wait_ms: defaultSeconds * 1000, applied: null };
}
