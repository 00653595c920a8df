import { ImportError } from "./import-error.ts";

/** Lines that are named besides the first. */
const MOST_NAMED = 20;

/** The wrong lines of a file, of which there may be as many as the file has. */
export class WrongLines {
  readonly #file: string;
  #first: { line: number; what: string } | undefined;
  #others = 0;
  readonly #named: number[] = [];

  constructor(file: string) {
    this.#file = file;
  }

  add(line: number, what: string): void {
    if (!this.#first) {
      this.#first = { line, what };
      return;
    }
    this.#others += 1;
    if (this.#named.length < MOST_NAMED) this.#named.push(line);
  }

  /** @throws ImportError where there was one, with what is wrong in the first. */
  end(): void {
    if (!this.#first) return;
    const { line, what } = this.#first;
    const named = [...this.#named, ...(this.#others > MOST_NAMED ? ["…"] : [])].join(", ");
    const others = this.#others > 0 ? ` (and ${this.#others} more, in lines ${named})` : "";
    throw new ImportError(this.#file, line, `${what}${others}`);
  }
}
