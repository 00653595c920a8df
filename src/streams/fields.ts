import * as v from "valibot";
import { MAX_MESSAGE_LENGTH, MAX_NAME_LENGTH } from "../limits.ts";
import { utcOf } from "./time.ts";

/**
 * Text that SQLite gives back unchanged. A NUL ends a string for many of its functions, and
 * a lone surrogate has no UTF-8.
 */
const text = [
  v.string("must be a string"),
  v.check((value: string) => !value.includes("\0"), "must not contain a NUL character"),
  v.check((value: string) => value.isWellFormed(), "must not contain a lone surrogate"),
] as const;

/** A name: not empty, and of bounded length. */
export const Name = v.pipe(
  ...text,
  v.nonEmpty("must not be empty"),
  v.maxLength(MAX_NAME_LENGTH, `must have at most ${MAX_NAME_LENGTH} characters`),
);

/** A message of any length; what is over the limit is cut, and says so. */
export const Message = v.pipe(...text, v.transform(cut));

/**
 * A field that may be absent. `null` says the same, and both make the same batch: either way the
 * field is there as `undefined`, in its place, where `complete` may fill it in. Without the
 * default valibot would leave an absent one out.
 */
export function maybe<const Schema extends v.GenericSchema<unknown, unknown>>(schema: Schema) {
  return v.nullish(schema, () => undefined);
}

/** A count of things. */
export const Count = v.pipe(
  v.number("must be a number"),
  v.safeInteger("must be a whole number below 2^53"),
  v.minValue(0, "must not be negative"),
);

/** A quantity, like seconds or minutes. JSON's `1e309` parses as infinity and is refused here. */
export const Quantity = v.pipe(
  v.number("must be a number"),
  v.finite("must be a finite number"),
  v.minValue(0, "must not be negative"),
);

/** A part of a whole, from 0 to 1. */
export const Ratio = v.pipe(Quantity, v.maxValue(1, "must be at most 1"));

/** A moment, ISO 8601 with any offset; kept in UTC. */
export const Moment = v.pipe(
  v.string("must be a string"),
  // For the API description: the transformation says nothing to it.
  v.metadata({ format: "date-time" }),
  v.transform(utcOf),
  v.string("must be an ISO 8601 date and time with an offset, like 2026-02-07T03:03:36Z"),
);

/** The caller's name for a batch. Dots alone would be a path of their own in a URL. */
export const BatchId = v.pipe(
  v.string("must be a string"),
  v.regex(
    /^(?!\.+$)[A-Za-z0-9._:@+-]{1,200}$/,
    "must be 1 to 200 of A-Z a-z 0-9 . _ : @ + - and not dots alone",
  ),
);

const CUT = /^… \[\d{1,9} more characters cut\]$/;

function cut(message: string): string {
  if (message.length <= MAX_MESSAGE_LENGTH) return message;
  // Cut before, as a dead letter's message is that is posted again: the same batch then.
  if (CUT.test(message.slice(MAX_MESSAGE_LENGTH))) return message;
  // toWellFormed: the cut may fall between the halves of a surrogate pair.
  const kept = message.slice(0, MAX_MESSAGE_LENGTH).toWellFormed();
  return `${kept}… [${message.length - MAX_MESSAGE_LENGTH} more characters cut]`;
}
