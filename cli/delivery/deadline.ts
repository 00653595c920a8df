/** The longest that a timer takes; a longer one would ring at once. */
const MOST_MS = 2 ** 31 - 1;

/**
 * When the sending ends. It counts from when all is read, since nobody knows how long a pipe
 * stays open; until then it is always as far away as it can be.
 */
export class Deadline {
  readonly #milliseconds: number;
  readonly #passed = new AbortController();
  #moment: number | undefined;

  constructor(milliseconds: number) {
    this.#milliseconds = Math.min(milliseconds, MOST_MS);
  }

  /** Aborts when it has passed. */
  get signal(): AbortSignal {
    return this.#passed.signal;
  }

  /** In milliseconds since 1970. */
  get moment(): number {
    return this.#moment ?? Date.now() + this.#milliseconds;
  }

  /** From now on it counts. To begin again changes nothing. */
  begin(): void {
    if (this.#moment !== undefined) return;
    this.#moment = this.moment;
    const end = () => this.#passed.abort(new Error("the deadline has passed"));
    setTimeout(end, this.#milliseconds).unref();
  }
}
