/** A place in a report, for a person. */
export function placeOf(file: string, line: number | undefined): string {
  return line === undefined ? file : `${file}:${line}`;
}

/** A report that cannot be read. The message names the file and, where it is known, the line. */
export class ImportError extends Error {
  readonly line: number | undefined;
  /** What is wrong, without the place. */
  readonly what: string;

  constructor(file: string, line: number | undefined, what: string) {
    super(`${placeOf(file, line)}: ${what}`);
    this.name = "ImportError";
    this.line = line;
    this.what = what;
  }
}
