import { MAX_NAME_LENGTH } from "../../src/limits.ts";

/** Characters of a message that are collected; the service cuts it further, and says so. */
export const MOST_MESSAGE = 20_000;

/**
 * A name as the service takes it: one odd test name must not lose the report. What cannot be
 * stored is replaced, and what is too long is cut.
 */
export function nameOf(text: string): string {
  const clean = text.trim();
  if (clean === "") return "(unnamed)";
  if (clean.length <= MAX_NAME_LENGTH) return storable(clean);
  return `${storable(clean.slice(0, MAX_NAME_LENGTH - 1))}…`;
}

/** A message as the service takes it. */
export function messageOf(text: string): string {
  return storable(text.slice(0, MOST_MESSAGE));
}

/**
 * A text that the database can give back. It is a copy by way of UTF-8: to V8 a part of a text is a
 * place in the whole, which stays in memory as long as any part of it does. And UTF-8 has
 * U+FFFD for a lone surrogate.
 */
function storable(text: string): string {
  return Buffer.from(text.replaceAll("\0", "\uFFFD")).toString();
}

/** Names of suites, classes and tests as one, without saying anything twice. */
export function pathOf(...names: (string | undefined)[]): string {
  const path: string[] = [];
  for (const name of names) {
    const clean = name?.trim();
    if (!clean || clean === path.at(-1)) continue;
    // Some tools repeat the suite in the test's own name.
    const before = path.join(" ");
    if (before && repeats(clean, before)) path.length = 0;
    path.push(clean);
  }
  return nameOf(path.join(" > "));
}

/** Whether a name begins or ends with another's words: "sums adds" with "adds", and "readds" not. */
function repeats(name: string, words: string): boolean {
  const after = name.startsWith(words) && !/^[\p{L}\p{N}_]/u.test(name.slice(words.length));
  const ahead = name.endsWith(words) && !/[\p{L}\p{N}_]$/u.test(name.slice(0, -words.length));
  return after || ahead;
}
