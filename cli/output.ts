import { SingleBar } from "cli-progress";
import colors from "picocolors";

/** A bar that moves; on anything but a terminal it says nothing. */
export interface Progress {
  step(this: void): void;
  stop(this: void): void;
}

/**
 * What the user sees. Results go to standard output, everything else to standard error, so
 * that `--json` output can be piped. Colours and bars only where a terminal shows them.
 */
export class Output {
  readonly json: boolean;
  readonly #colors = colors.createColors(process.stderr.isTTY && colors.isColorSupported);

  /** @param json print one JSON document as the result, and no lines for a person. */
  constructor(json: boolean) {
    this.json = json;
  }

  /** The result: `value` under `--json`, otherwise the lines. */
  result(value: unknown, lines: readonly string[]): void {
    if (this.json) process.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
    else for (const line of lines) process.stdout.write(`${line}\n`);
  }

  /** What happens, for a person. */
  note(text: string): void {
    if (!this.json) process.stderr.write(`${text}\n`);
  }

  warn(text: string): void {
    process.stderr.write(`${this.#colors.yellow("warning:")} ${text}\n`);
  }

  error(text: string): void {
    process.stderr.write(`${this.#colors.red("error:")} ${text}\n`);
  }

  progress(what: string, total: number): Progress {
    if (this.json || !process.stderr.isTTY || total < 2) return { step() {}, stop() {} };
    const bar = new SingleBar({
      format: `{bar} {value}/{total} ${what} | {duration_formatted}`,
      hideCursor: true,
    });
    bar.start(total, 0);
    return { step: () => bar.increment(1), stop: () => bar.stop() };
  }
}

/** Rows in columns, for a person. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}

/** "1 upload", "2 uploads"; or as the plural is given. */
export function counted(count: number, thing: string, things = `${thing}s`): string {
  return `${count} ${count === 1 ? thing : things}`;
}
