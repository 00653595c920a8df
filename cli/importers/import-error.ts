/** A report that cannot be read. The message names the file and, where it is known, the line. */
export class ImportError extends Error {
  readonly file: string;
  readonly line: number | undefined;

  constructor(file: string, line: number | undefined, what: string) {
    super(line === undefined ? `${file}: ${what}` : `${file}:${line}: ${what}`);
    this.name = "ImportError";
    this.file = file;
    this.line = line;
  }
}
