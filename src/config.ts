import * as v from "valibot";
import {
  MAX_DATABASES,
  MAX_SHARDS,
  MAX_UPLOAD_BYTES,
  MAX_WAIT_SECONDS,
  MAX_UPLOADS_IN_MEMORY_BYTES,
  UPLOADS_IN_MEMORY_BYTES,
} from "./limits.ts";
import { logError } from "./log.ts";
import { type Problem, unavailable } from "./problem.ts";

/** A whole number, or the fallback if the variable is not set. One that `[vars]` has without quotes comes as a number. */
function whole(min: number, max: number, fallback: number) {
  const message = `must be a whole number from ${min} to ${max}`;
  return v.optional(
    v.pipe(
      v.union([v.string(), v.number()], message),
      v.transform(String),
      v.regex(/^\d{1,15}$/, message),
      v.transform(Number),
      v.minValue(min, message),
      v.maxValue(max, message),
    ),
    String(fallback),
  );
}

const Variables = v.object({
  /** How many ledger objects share the batches. */
  LEDGER_SHARDS: whole(1, MAX_SHARDS, 16),
  /** How many databases share a stream's new batches: `DB`, `DB_1`, `DB_2` and so on. */
  DATABASE_SHARDS: whole(1, MAX_DATABASES, 1),
  /** Numbers of databases that take no new batches, since they are full: 0 is `DB`, 1 is `DB_1`. */
  FULL_DATABASES: v.optional(
    v.pipe(
      v.union([v.string(), v.number()]),
      v.transform(String),
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
  UPLOADS_IN_MEMORY_BYTES: whole(1_000_000, MAX_UPLOADS_IN_MEMORY_BYTES, UPLOADS_IN_MEMORY_BYTES),
  /** Days for which the ledger remembers a written batch. D1 recognises it after that. */
  LEDGER_RETENTION_DAYS: whole(1, 3_650, 30),
  /** The value of `Access-Control-Allow-Origin`. */
  CORS_ORIGIN: v.optional(v.string(), "*"),
});

const Config = v.pipe(
  Variables,
  v.forward(
    v.check(
      ({ DATABASE_SHARDS: shards, FULL_DATABASES: full }) =>
        new Set(full).size < shards && full.every((number) => number < shards),
      "must name databases of DATABASE_SHARDS, and leave one",
    ),
    ["FULL_DATABASES"],
  ),
  v.transform(({ FULL_DATABASES: full, ...rest }) => ({
    ...rest,
    /** Numbers of the databases that take new batches. */
    OPEN_DATABASES: Array.from({ length: rest.DATABASE_SHARDS }, (_, number) => number).filter(
      (number) => !full.includes(number),
    ),
  })),
);
export type Config = v.InferOutput<typeof Config>;

/** A variable that cannot be used, and why. */
interface ConfigFault {
  variable: string | null;
  reason: string;
}

const parsed = new WeakMap<Env, Config>();

/**
 * The service's variables, parsed.
 * @throws Problem `unavailable` where a variable cannot be used; the log says which and why.
 */
export function configOf(env: Env): Config {
  const known = parsed.get(env);
  if (known) return known;
  const result = v.safeParse(Config, env);
  if (!result.success) throw misconfigured(result.issues.map(faultOf));
  parsed.set(env, result.output);
  return result.output;
}

/** How long a stream's rows are kept: `<STREAM>_RETENTION_DAYS`, or the stream's own default. */
export function retentionDays(env: Env, streamName: string, fallback: number): number {
  const result = v.safeParse(retentionConfig(streamName, fallback), env);
  if (!result.success) throw misconfigured(result.issues.map(faultOf));
  return Object.values(result.output)[0] ?? fallback;
}

function retentionConfig(streamName: string, fallback: number) {
  const variable = `${streamName.replaceAll("-", "_").toUpperCase()}_RETENTION_DAYS`;
  return v.object({ [variable]: whole(1, 36_500, fallback) });
}

/** The variables that the service could not use, before they are deployed. */
export function configFaults(
  variables: object,
  streams: readonly { name: string; retentionDays: number }[],
): ConfigFault[] {
  const retentions = streams.map(({ name, retentionDays: days }) => retentionConfig(name, days));
  const results = [Config, ...retentions].map((schema) => v.safeParse(schema, variables));
  return results.flatMap(({ issues }) => issues?.map(faultOf) ?? []);
}

function faultOf(issue: v.BaseIssue<unknown>): ConfigFault {
  return { variable: v.getDotPath(issue), reason: issue.message };
}

/** Logs what cannot be used and why. @returns what to throw then. */
export function misconfigured(faults: ConfigFault[]): Problem {
  for (const { variable, reason } of faults) logError("config.invalid", { variable, reason });
  return unavailable("The service is not configured correctly; its log says how.", 60);
}
