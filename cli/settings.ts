import { homedir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import type { Connection, Service } from "./delivery/connection.ts";
import { EXIT } from "./exit-codes.ts";
import { Failure } from "./failure.ts";

/** The service's address. */
export const Address = v.pipe(
  v.string(),
  v.url("must be an address like https://millrace.example.workers.dev"),
  v.regex(/^https?:/i, "must begin with http:// or https://"),
  v.check(hasNoCredentials, "must have no user and password in it"),
  // One spelling for each service: the spool tells services apart by it.
  v.transform((url) => new URL(url).href.replace(/\/+$/, "")),
);

/** What an HTTP header can carry as a token. */
const TOKEN = /^[\x21-\x7e]+$/;

/** A number of an option, above zero. */
export const Positive = v.pipe(
  v.string(),
  v.transform(Number),
  v.number("must be a number"),
  v.finite("must be a number"),
  v.check((number) => number > 0, "must be above 0"),
);

/** A whole number of an option. */
export const Whole = v.pipe(Positive, v.integer("must be a whole number"));

/** Options of every command. */
export const common = { json: v.optional(v.boolean(), false), spool: v.optional(v.string()) };

/** Options of every command that talks to the service. */
export const remote = { ...common, url: v.optional(v.string()), token: v.optional(v.string()) };

/**
 * The options of a command, checked. An empty one is not given: scripts pass on what they may
 * not have.
 * @throws Failure naming the option.
 */
export function parseOptions<const Schema extends v.GenericSchema>(
  schema: Schema,
  options: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, filled(options));
  if (result.success) return result.output;
  const faults = result.issues.map((issue) => {
    // Of several values of an option it is the option that is named.
    const [field = ""] = (v.getDotPath(issue) ?? "").split(".");
    const name = field.replaceAll(/[A-Z]/g, (big) => `-${big.toLowerCase()}`);
    return `--${name} ${issue.message}`;
  });
  throw new Failure(faults.join("; "), EXIT.wrongInput);
}

function filled(options: unknown): unknown {
  if (typeof options !== "object" || options === null) return options;
  const given = Object.entries(options)
    .map(([name, value]: [string, unknown]) => {
      return [name, Array.isArray(value) ? value.filter((each) => !isBlank(each)) : value] as const;
    })
    .filter(([, value]) => !isBlank(value));
  return Object.fromEntries(given);
}

function isBlank(value: unknown): boolean {
  if (Array.isArray(value)) return value.length === 0;
  return typeof value === "string" && value.trim() === "";
}

/** A variable of the environment. An empty one is how CI hands over what is not there. */
export function variable(name: string): string | undefined {
  return process.env[name]?.trim() || undefined;
}

/** Where the service is, as the flags have it. */
interface Flags {
  url?: string | undefined;
  token?: string | undefined;
}

/**
 * The service to talk to, of the flags or of `MILLRACE_URL` and `MILLRACE_TOKEN`.
 * @throws Failure where there is no address, or one that cannot be used.
 */
export function connectionOf(options: Flags): Connection {
  const { connection, reason } = findService(options);
  if (connection) return connection;
  throw new Failure(reason, EXIT.wrongInput);
}

/** The service to talk to, or the reason why there is none, which quotes no secret. */
export function findService(options: Flags): Service {
  const url = options.url ?? variable("MILLRACE_URL");
  if (!url) return { reason: "no address is configured: give --url or set MILLRACE_URL" };
  const parsed = v.safeParse(Address, url);
  if (!parsed.success) return { reason: `--url or MILLRACE_URL ${parsed.issues[0].message}` };
  const token = options.token?.trim() ?? variable("MILLRACE_TOKEN");
  if (token && !TOKEN.test(token)) {
    return {
      reason: "--token or MILLRACE_TOKEN must be of ASCII letters and signs, without spaces",
    };
  }
  return { connection: { url: parsed.output, token } };
}

function hasNoCredentials(url: string): boolean {
  if (!URL.canParse(url)) return true;
  const { username, password } = new URL(url);
  return username === "" && password === "";
}

/**
 * The spool's file: `--spool`, `MILLRACE_SPOOL`, or one below the user's state directory.
 * @throws Failure where the user has none.
 */
export function spoolPathOf(options: { spool?: string | undefined }): string {
  const chosen = options.spool ?? variable("MILLRACE_SPOOL");
  if (chosen) return chosen;
  const state = process.env["XDG_STATE_HOME"] || join(homeOf(), ".local", "state");
  return join(state, "millrace", "spool.db");
}

/** A container may run as a user that has neither `HOME` nor an entry in /etc/passwd. */
function homeOf(): string {
  try {
    return homedir();
  } catch {
    const ways = "give --spool or set MILLRACE_SPOOL";
    throw new Failure(`this user has no home directory: ${ways}`, EXIT.wrongInput);
  }
}
