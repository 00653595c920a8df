import type * as v from "valibot";
import type { LogFields } from "../log.ts";
import type { ProblemKind } from "../problem.ts";
import type { Stream } from "../streams/stream.ts";
import type { Caller, Scope } from "./auth.ts";
import type { AnswerHeader, RequestHeader } from "./headers.ts";

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

/** What a route answers with a status, for the API description. */
export interface Answer {
  description: string;
  /** Of the JSON; absent where there is none. */
  schema?: v.GenericSchema;
  /** Those it may carry. */
  headers?: readonly AnswerHeader[];
}

/** One line of the route table: how to get in, what to do, and for the API description what is said. */
export interface Route {
  method: "GET" | "POST" | "DELETE";
  /** In itty-router's form: `/dead-letters/:stream/:batch_id`. */
  path: string;
  /** Any of these scopes opens the route; none makes it public. */
  scopes: readonly Scope[];
  summary: string;
  /** The operation's name for whoever generates a client; each has its own. */
  operationId?: string;
  /** Parameters of the query. */
  query?: v.StrictObjectSchema<v.ObjectEntries, undefined>;
  /** Headers that the route heeds. */
  headers?: readonly RequestHeader[];
  /** The JSON it is sent. */
  body?: { schema: v.GenericSchema; description: string; required: boolean };
  /** By status, where all went well. */
  answers?: Readonly<Record<number, Answer>>;
  /** Problems of its own, besides those that its kind of route has: see `problemsOf`. */
  problems?: readonly ProblemKind[];
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
