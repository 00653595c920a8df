import * as v from "valibot";
import { MAX_WAIT_SECONDS } from "../limits.ts";

/** A header as the API description explains it. */
interface Header {
  description: string;
  schema: v.GenericSchema;
}

/** Headers that a caller may send, besides those that HTTP explains. */
export const REQUEST_HEADERS = {
  Prefer: {
    description: `RFC 7240. "respond-async" answers at once, "wait=N" waits up to N seconds (at most ${MAX_WAIT_SECONDS}) for the batch to be written. Without it the service's own wait holds.`,
    schema: v.pipe(v.string(), v.examples(["respond-async", "wait=5"])),
  },
  "Content-Encoding": {
    description: "How the body is compressed. Its limit in bytes holds for what comes out.",
    schema: v.picklist(["gzip", "x-gzip", "identity"]),
  },
} satisfies Record<string, Header>;

/** Headers that an answer may carry, besides those of every answer. */
export const ANSWER_HEADERS = {
  Location: {
    description: "Where the batch's status is.",
    schema: v.pipe(v.string(), v.metadata({ format: "uri-reference" })),
  },
  "Retry-After": {
    description: "Seconds after which to ask or to post again.",
    schema: v.pipe(v.number(), v.integer(), v.minValue(1)),
  },
  "Idempotent-Replayed": {
    description: "The batch was known already, with this content.",
    schema: v.literal("true"),
  },
  "Preference-Applied": {
    description: "What of Prefer was honoured.",
    schema: v.pipe(v.string(), v.regex(/^(respond-async|wait=\d+)$/)),
  },
  "WWW-Authenticate": {
    description: "RFC 6750: what is wrong with the token, or which scopes would do.",
    schema: v.string(),
  },
  Allow: { description: "The methods that this address has.", schema: v.string() },
  Accept: { description: "The media type that is taken.", schema: v.string() },
  "Accept-Encoding": { description: "The compressions that are taken.", schema: v.string() },
} satisfies Record<string, Header>;

export type RequestHeader = keyof typeof REQUEST_HEADERS;
export type AnswerHeader = keyof typeof ANSWER_HEADERS;
