import { createInterface } from "node:readline/promises";

/** Asks on the terminal. Where there is none, nobody has agreed. */
export async function confirmed(question: string, signal: AbortSignal): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return false;
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(`${question} [y/N] `, { signal })).trim());
  } catch {
    // The user pressed Ctrl-C at the question.
    return false;
  } finally {
    terminal.close();
  }
}
