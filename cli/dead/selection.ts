import * as v from "valibot";
import { STREAMS } from "../../src/streams/index.ts";
import { utcOf } from "../../src/streams/time.ts";
import { EXIT } from "../exit-codes.ts";
import { Failure } from "../failure.ts";
import { remote } from "../settings.ts";
import type { Filter } from "./letters.ts";

const UNITS = { s: 1, m: 60, h: 3600, d: 86_400 } as const;

/** A moment, or how long ago: `90m`, `2h`, `7d`. */
const Moment = v.pipe(
  v.string(),
  v.transform(momentOf),
  v.string("must be an ISO 8601 date and time with an offset, or how long ago, like 2h or 7d"),
);

/** Options that choose dead letters. */
export const selecting = {
  ...remote,
  stream: v.optional(v.string()),
  reason: v.optional(v.string()),
  since: v.optional(Moment),
  before: v.optional(Moment),
};

export const acting = {
  ...selecting,
  all: v.optional(v.boolean(), false),
  yes: v.optional(v.boolean(), false),
};

type Selecting = v.InferOutput<v.ObjectSchema<typeof selecting, undefined>>;

/** The filter of the options, as the service takes it. */
export function filterOf({ stream, reason, since, before }: Selecting): Filter {
  return {
    ...(stream !== undefined && { stream }),
    ...(reason !== undefined && { reason }),
    ...(since !== undefined && { since }),
    ...(before !== undefined && { before }),
  };
}

/**
 * Where to look for batches that are named: in the stream of the option, which may be one that only
 * the service knows, or in all that the client knows.
 */
export function searchedStreams({ stream }: { stream?: string | undefined }): string[] {
  return stream === undefined ? STREAMS.map(({ name }) => name) : [stream];
}

/** What is wrong with a name that none of these streams has. */
export function notDead(batch_id: string, streams: readonly string[]): string {
  return `${batch_id} is not among the dead letters of ${streams.join(", ")}.`;
}

/**
 * Refuses an order that could mean everything and does not say so, and one that names batches and
 * has a filter besides: a filter would look like a guard, and names are not filtered.
 * @throws Failure
 */
export function requireSelection(
  ids: readonly string[],
  options: Selecting & { all: boolean },
): void {
  const { stream: _, ...beyondStream } = filterOf(options);
  const chosen = options.all || Object.keys(beyondStream).length > 0;
  if (ids.length > 0 && chosen) {
    const fault = "Name batches, or give --reason, --since, --before or --all: not both.";
    throw new Failure(fault, EXIT.wrongInput);
  }
  if (ids.length > 0 || chosen || options.stream !== undefined) return;
  const ways = "Name batches, give --reason, --since, --before or --stream, or --all.";
  throw new Failure(ways, EXIT.wrongInput);
}

function momentOf(text: string): string | null {
  const ago = /^(\d{1,6})([smhd])$/.exec(text);
  if (!ago) return utcOf(text);
  const unit = Object.entries(UNITS).find(([name]) => name === ago[2])?.[1] ?? 1;
  return new Date(Date.now() - Number(ago[1]) * unit * 1000).toISOString();
}
