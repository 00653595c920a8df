import * as v from "valibot";
import { readAnswer, refusalOf } from "../delivery/answer.ts";
import { isPassing, retryAfterOf, delayAfter } from "../delivery/backoff.ts";
import { call, type Connection } from "../delivery/connection.ts";
import { setTimeout as sleep } from "node:timers/promises";
import { EXIT } from "../exit-codes.ts";
import { Failure, reasonOf } from "../failure.ts";

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

const Page = v.object({
  dead_letters: v.array(Letter),
  total: v.number(),
  next_cursor: v.nullable(v.string()),
});

const PAGE = 500;
const ATTEMPTS = 5;

/** The service's dead letters. Every call is safe to repeat, and repeated where that may help. */
export class DeadLetters {
  readonly #connection: Connection;
  readonly #signal: AbortSignal;

  /** @param signal ends whatever waits. */
  constructor(connection: Connection, signal: AbortSignal) {
    this.#connection = connection;
    this.#signal = signal;
  }

  /** One page, newest first, and the count of all. */
  async page(filter: Filter, limit = PAGE, cursor?: string): Promise<v.InferOutput<typeof Page>> {
    const query = new URLSearchParams({
      ...filter,
      limit: String(limit),
      ...(cursor && { cursor }),
    });
    const response = await this.#ask("GET", `/dead-letters?${query.toString()}`);
    return v.parse(Page, await response.json());
  }

  /** All of them. */
  async *all(filter: Filter): AsyncGenerator<Letter> {
    let cursor: string | undefined;
    do {
      const page = await this.page(filter, PAGE, cursor);
      yield* page.dead_letters;
      cursor = page.next_cursor ?? undefined;
    } while (cursor);
  }

  /** One, with its batch; undefined where there is none. */
  async find(stream: string, batch_id: string): Promise<(Letter & { batch: unknown }) | undefined> {
    const response = await this.#ask("GET", pathOf(stream, batch_id), undefined, true);
    if (response.status === 404) return undefined;
    return v.parse(v.object({ ...Letter.entries, batch: v.unknown() }), await response.json());
  }

  /** Brings one back. Returns whether it was there. */
  async replay(stream: string, batch_id: string): Promise<boolean> {
    return (await this.#ask("POST", `${pathOf(stream, batch_id)}/replay`, undefined, true)).ok;
  }

  /** Deletes one for good. Returns whether it was there. */
  async drop(stream: string, batch_id: string): Promise<boolean> {
    return (await this.#ask("DELETE", pathOf(stream, batch_id), undefined, true)).ok;
  }

  async #ask(method: string, path: string, body?: string, mayMiss = false): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      const response = await call(this.#connection, path, {
        method,
        signal: this.#signal,
        ...(body !== undefined && { body, headers: { "Content-Type": "application/json" } }),
      }).catch((error: unknown) => error);
      this.#signal.throwIfAborted();
      if (response instanceof Response) {
        if (response.ok || (mayMiss && response.status === 404)) return response;
        if (!isPassing(response.status) || attempt === ATTEMPTS) {
          throw new Failure(refusalOf(response, await readAnswer(response)), EXIT.failed);
        }
        const pause = retryAfterOf(response.headers.get("Retry-After"));
        await sleep(delayAfter(attempt, pause), undefined, { signal: this.#signal });
      } else if (attempt === ATTEMPTS) {
        const reason = `${this.#connection.url} does not answer: ${reasonOf(response)}`;
        throw new Failure(reason, EXIT.failed);
      } else {
        await sleep(delayAfter(attempt, 0), undefined, { signal: this.#signal });
      }
    }
  }
}

function pathOf(stream: string, batch_id: string): string {
  return `/dead-letters/${encodeURIComponent(stream)}/${encodeURIComponent(batch_id)}`;
}
