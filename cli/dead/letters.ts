import * as v from "valibot";
import { MAX_PAGE } from "../../src/limits.ts";
import { answerOf, refusalOf, strangeAnswer } from "../delivery/answer.ts";
import { isPassing, retryAfterOf, delayAfter } from "../delivery/backoff.ts";
import { call, type Connection, type Reply } from "../delivery/connection.ts";
import { EXIT } from "../exit-codes.ts";
import { Failure, reasonOf } from "../failure.ts";
import { rest } from "../rest.ts";

/** Which dead letters. */
export interface Filter {
  stream?: string;
  reason?: string;
  since?: string;
  before?: string;
}

export const Letter = v.object({
  stream: v.string(),
  batch_id: v.string(),
  reason: v.nullable(v.string()),
  attempts: v.number(),
  rows: v.number(),
  bytes: v.number(),
  accepted_at: v.string(),
  died_at: v.string(),
  replays: v.number(),
  replayed_at: v.nullable(v.string()),
});
export type Letter = v.InferOutput<typeof Letter>;

const LetterWithBatch = v.object({ ...Letter.entries, batch: v.unknown() });
type LetterWithBatch = v.InferOutput<typeof LetterWithBatch>;

const Page = v.object({
  dead_letters: v.array(Letter),
  total: v.number(),
  next_cursor: v.nullable(v.string()),
});

const ATTEMPTS = 5;
/** What is asked for is not among the dead letters. */
const MISSING = 404;

/** The service's dead letters. A call that may have failed is made again, if that may help. */
export class DeadLetters {
  readonly #connection: Connection;
  readonly #signal: AbortSignal;

  /** @param signal ends whatever waits. */
  constructor(connection: Connection, signal: AbortSignal) {
    this.#connection = connection;
    this.#signal = signal;
  }

  /** One page, newest first, and the count of all. */
  async page(
    filter: Filter,
    limit = MAX_PAGE,
    cursor?: string,
  ): Promise<v.InferOutput<typeof Page>> {
    const query = new URLSearchParams({
      ...filter,
      limit: String(limit),
      ...(cursor && { cursor }),
    });
    return this.#read(await this.#ask("GET", `/dead-letters?${query.toString()}`), Page);
  }

  /** All of them. */
  async *all(filter: Filter): AsyncGenerator<Letter> {
    let cursor: string | undefined;
    do {
      const page = await this.page(filter, MAX_PAGE, cursor);
      yield* page.dead_letters;
      cursor = page.next_cursor ?? undefined;
    } while (cursor);
  }

  /**
   * The one of that name in these streams, with its batch; undefined where there is none.
   * @throws Failure where several have one: whoever means one of them must say which.
   */
  async find(batch_id: string, streams: readonly string[]): Promise<LetterWithBatch | undefined> {
    const found: LetterWithBatch[] = [];
    for (const stream of streams) {
      const told = await this.#ask("GET", pathOf(stream, batch_id), MISSING);
      if (told.response.ok) found.push(this.#read(told, LetterWithBatch));
    }
    if (found.length <= 1) return found[0];
    const where = found.map(({ stream }) => stream).join(" and ");
    const what = `${batch_id} is among the dead letters of ${where}: give --stream.`;
    throw new Failure(what, EXIT.wrongInput);
  }

  /** Brings one back. Returns whether it was there. */
  async replay(stream: string, batch_id: string): Promise<boolean> {
    return this.#do("POST", `${pathOf(stream, batch_id)}/replay`);
  }

  /** Deletes one for good. Returns whether it was there. */
  async drop(stream: string, batch_id: string): Promise<boolean> {
    return this.#do("DELETE", pathOf(stream, batch_id));
  }

  async #do(method: string, path: string): Promise<boolean> {
    const { response, attempt } = await this.#ask(method, path, MISSING);
    // One that is gone after a failed attempt was there: that attempt did it, and its answer was lost.
    return response.ok || attempt > 1;
  }

  #read<Schema extends v.GenericSchema>(
    { response, text }: Reply,
    schema: Schema,
  ): v.InferOutput<Schema> {
    const result = v.safeParse(v.pipe(v.string(), v.parseJson(), schema), text);
    if (result.success) return result.output;
    throw new Failure(strangeAnswer(response), EXIT.failed);
  }

  /** @param expected a status that is an answer, though not a good one. */
  async #ask(
    method: string,
    path: string,
    expected?: number,
  ): Promise<Reply & { attempt: number }> {
    for (let attempt = 1; ; attempt++) {
      const told = await call(this.#connection, path, { method, signal: this.#signal }).catch(
        (error: unknown) => reasonOf(error),
      );
      this.#signal.throwIfAborted();
      const last = attempt === ATTEMPTS;
      if (typeof told === "string") {
        const reason = `${this.#connection.url} does not answer: ${told}`;
        if (last) throw new Failure(reason, EXIT.failed);
        await rest(delayAfter(attempt, 0), this.#signal);
        continue;
      }
      const { response, text } = told;
      if (response.ok) return { ...told, attempt };
      const answer = answerOf(text);
      const passing = isPassing(response.status);
      // A page that something else answers with says nothing about the dead letters.
      if (!passing && (answer.title ?? answer.detail) === undefined) {
        throw new Failure(strangeAnswer(response), EXIT.failed);
      }
      if (response.status === expected) return { ...told, attempt };
      if (last || !passing) throw new Failure(refusalOf(response, answer), EXIT.failed);
      const pause = retryAfterOf(response.headers.get("Retry-After"));
      await rest(delayAfter(attempt, pause), this.#signal);
    }
  }
}

function pathOf(stream: string, batch_id: string): string {
  return `/dead-letters/${encodeURIComponent(stream)}/${encodeURIComponent(batch_id)}`;
}
