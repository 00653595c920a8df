import type { LogFields } from "../log.ts";
import type { Stream } from "../streams/stream.ts";
import type { Caller, Scope } from "./auth.ts";

/** What a handler works with, besides the request. */
export interface Context {
  env: Env;
  /** The streams that the service takes. */
  streams: readonly Stream[];
  /** Parameters of the path, decoded. */
  params: Readonly<Record<string, string>>;
  /** Who asks; null on a public route. */
  caller: Caller | null;
  /** Names the request's line in the log, and adds to it. */
  note: (event: string, fields: LogFields) => void;
}

/** One line of the route table. */
export interface Route {
  method: "GET" | "POST" | "DELETE";
  /** In itty-router's form: `/dead-letters/:stream/:batch_id`. */
  path: string;
  /** Any of these scopes opens the route; none makes it public. */
  scopes: readonly Scope[];
  /** For the API description. */
  summary: string;
  handle(request: Request, context: Context): Response | Promise<Response>;
}

/** A JSON answer. */
export function json(body: unknown, status = 200, headers: Record<string, string> = {}): Response {
  return new Response(`${JSON.stringify(body)}\n`, {
    status,
    headers: { "Content-Type": "application/json", ...headers },
  });
}

/** A parameter that the route's path has. */
export function param(context: Context, name: string): string {
  const value = context.params[name];
  if (value === undefined) throw new Error(`the route has no parameter ${name}`);
  return value;
}
