import * as v from "valibot";
import {
  MAX_DATABASES,
  MAX_SHARDS,
  MAX_UPLOAD_BYTES,
  MAX_WAIT_SECONDS,
  MOST_UPLOADS_IN_MEMORY_BYTES,
  UPLOADS_IN_MEMORY_BYTES,
} from "./limits.ts";
import { logError } from "./log.ts";
import { type Problem, unavailable } from "./problem.ts";

/** A whole number in a variable's text, or the fallback where the variable is not set. */
function whole(least: number, most: number, fallback: number) {
  const message = `must be a whole number from ${least} to ${most}`;
  return v.optional(
    v.pipe(
      v.string(),
      v.regex(/^\d{1,15}$/, message),
      v.transform(Number),
      v.minValue(least, message),
      v.maxValue(most, message),
    ),
    String(fallback),
  );
}

const Config = v.object({
  /** How many ledger objects share the batches. */
  LEDGER_SHARDS: whole(1, MAX_SHARDS, 16),
  /** How many databases share a stream's new batches: `DB`, `DB_1`, `DB_2` and so on. */
  DATABASE_SHARDS: whole(1, MAX_DATABASES, 1),
  /** Numbers of databases that take no new batches, since they are full: 0 is `DB`, 1 is `DB_1`. */
  FULL_DATABASES: v.optional(
    v.pipe(
      v.string(),
      v.regex(/^(\d{1,2}(,\d{1,2})*)?$/, "must be numbers of databases, like 0 or 0,1"),
      v.transform((text) => (text === "" ? [] : text.split(",").map(Number))),
    ),
    "",
  ),
  /** Seconds after which a batch that nobody settled is sent to the queue again. */
  REDELIVER_AFTER_SECONDS: whole(1, 86_400, 900),
  /** Seconds that a POST without `Prefer` waits for its batch to be written. */
  SYNC_WAIT_SECONDS: whole(0, MAX_WAIT_SECONDS, 10),
  /** Bytes of an upload, after decompression. */
  MAX_UPLOAD_BYTES: whole(1_000, MAX_UPLOAD_BYTES, MAX_UPLOAD_BYTES),
  /** Bytes of uploads that one isolate works on at once; above that it sheds load. */
  UPLOADS_IN_MEMORY_BYTES: whole(1_000_000, MOST_UPLOADS_IN_MEMORY_BYTES, UPLOADS_IN_MEMORY_BYTES),
  /** Days for which the ledger remembers a written batch. D1 recognises it after that. */
  LEDGER_RETENTION_DAYS: whole(1, 3_650, 30),
  /** The value of `Access-Control-Allow-Origin`. */
  CORS_ORIGIN: v.optional(v.string(), "*"),
});
export type Config = v.InferOutput<typeof Config>;

const parsed = new WeakMap<Env, Config>();

/**
 * The service's variables, parsed.
 * @throws Problem `unavailable` where a variable cannot be used; the log says which and why.
 */
export function configOf(env: Env): Config {
  const known = parsed.get(env);
  if (known) return known;
  const result = v.safeParse(Config, env);
  if (!result.success) {
    throw misconfigured(
      result.issues.map((issue) => ({ variable: v.getDotPath(issue), reason: issue.message })),
    );
  }
  parsed.set(env, result.output);
  return result.output;
}

/** How long a stream's rows are kept: `<STREAM>_RETENTION_DAYS`, or the stream's own default. */
export function retentionDays(env: Env, streamName: string, fallback: number): number {
  const variable = `${streamName.replaceAll("-", "_").toUpperCase()}_RETENTION_DAYS`;
  const result = v.safeParse(whole(1, 36_500, fallback), Reflect.get(env, variable));
  if (result.success) return result.output;
  throw misconfigured([{ variable, reason: result.issues[0].message }]);
}

/** Logs what cannot be used and why. @returns what to throw then. */
export function misconfigured(faults: { variable: string | null; reason: string }[]): Problem {
  for (const fault of faults) logError("config.invalid", fault);
  return unavailable("The service is not configured correctly; its log says how.", 60);
}
