import * as v from "valibot";
import { logError } from "../log.ts";
import { Problem } from "../problem.ts";

const SCOPES = ["ingest", "read", "admin"] as const;

/** What a token may do: upload; look; operate the dead letters. None includes another. */
export type Scope = (typeof SCOPES)[number];

/** Who makes a request: the name of the token, for the log, and what it may do. */
export interface Caller {
  name: string;
  scopes: readonly Scope[];
}

/** `MILLRACE_TOKENS`: a JSON array. Only the token's SHA-256 is configured, never the token. */
const Tokens = v.pipe(
  v.string(),
  v.parseJson(),
  v.array(
    v.strictObject({
      name: v.pipe(v.string(), v.regex(/^[\w.-]{1,60}$/)),
      sha256: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/i)),
      scopes: v.pipe(v.array(v.picklist(SCOPES)), v.minLength(1)),
    }),
  ),
);

interface KnownToken extends Caller {
  hash: Uint8Array;
}

/**
 * The caller of a request.
 * @throws Problem `unauthorized` without a known token, `forbidden` without one of the scopes.
 */
export async function authorize(
  request: Request,
  env: Env,
  scopes: readonly Scope[],
): Promise<Caller> {
  const presented = /^Bearer +([^\s]+) *$/i.exec(request.headers.get("Authorization") ?? "")?.[1];
  const caller = presented ? await callerOf(presented, env) : undefined;
  if (!caller) {
    const detail = presented
      ? "Unauthorized: the token is not known."
      : "Unauthorized: send the header Authorization: Bearer <token>.";
    const challenge = presented ? ', error="invalid_token"' : "";
    throw new Problem("unauthorized", detail, {
      headers: { "WWW-Authenticate": `Bearer realm="millrace"${challenge}` },
    });
  }
  if (!scopes.some((scope) => caller.scopes.includes(scope))) {
    const needed = scopes.join(" or ");
    throw new Problem("forbidden", `The token needs the scope ${needed}.`, {
      headers: {
        "WWW-Authenticate": `Bearer realm="millrace", error="insufficient_scope", scope="${scopes.join(" ")}"`,
      },
    });
  }
  return caller;
}

const recognised = new WeakMap<Env, Map<string, Caller>>();

/**
 * Whose token it is. A token that was recognised is remembered in memory, so that the next
 * upload of the same client costs no hash; one that was refused is not.
 */
async function callerOf(presented: string, env: Env): Promise<Caller | undefined> {
  let callers = recognised.get(env);
  if (!callers) recognised.set(env, (callers = new Map()));
  // The engine compares strings only where their keyed hashes agree, so that how long this
  // takes says nothing about a token either.
  const known = callers.get(presented);
  if (known) return known;
  const caller = await compare(presented, env);
  if (caller) callers.set(presented, caller);
  return caller;
}

async function compare(presented: string, env: Env): Promise<Caller | undefined> {
  const hash = await sha256(presented);
  let found: Caller | undefined;
  // Each token is compared, whichever fits, and hashes are compared in constant time: how
  // long a refusal takes says nothing about any token.
  for (const known of await knownTokens(env)) {
    if (crypto.subtle.timingSafeEqual(hash, known.hash)) found ??= known;
  }
  return found;
}

const tokensOf = new WeakMap<Env, Promise<KnownToken[]>>();

function knownTokens(env: Env): Promise<KnownToken[]> {
  let tokens = tokensOf.get(env);
  if (!tokens) tokensOf.set(env, (tokens = readTokens(env)));
  return tokens;
}

async function readTokens(env: Env): Promise<KnownToken[]> {
  const tokens: KnownToken[] = [];
  if (env.BATCH_METRICS_TOKEN) {
    const hash = await sha256(env.BATCH_METRICS_TOKEN);
    tokens.push({ name: "BATCH_METRICS_TOKEN", scopes: ["ingest"], hash });
  }
  if (env.MILLRACE_TOKENS) {
    const parsed = v.safeParse(Tokens, env.MILLRACE_TOKENS);
    if (parsed.success) {
      const named = parsed.output.map(({ name, scopes, sha256: hex }) => ({
        name,
        scopes,
        hash: bytesOf(hex),
      }));
      tokens.push(...named);
    } else {
      const [issue] = parsed.issues;
      const where = v.getDotPath(issue) ?? "the whole";
      // The message of an issue can quote what it received; the kind of check cannot.
      logError("auth.tokens-invalid", { secret: "MILLRACE_TOKENS", where, check: issue.type });
    }
  }
  if (tokens.length === 0) {
    const reason =
      "neither BATCH_METRICS_TOKEN nor MILLRACE_TOKENS is configured: every upload is refused";
    logError("auth.no-tokens", { reason });
  }
  return tokens;
}

async function sha256(text: string): Promise<Uint8Array> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text)));
}

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
