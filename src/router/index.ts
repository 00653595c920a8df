import { type IRequestStrict, type RouteEntry, Router } from "itty-router";
import { configOf } from "../config.ts";
import { log, logError, type LogFields, reasonOf } from "../log.ts";
import { Problem } from "../problem.ts";
import type { Stream } from "../streams/stream.ts";
import { authorize } from "./auth.ts";
import { corsHeaders, preflight } from "./cors.ts";
import type { Context, Route } from "./route.ts";

type Handle = (request: Request, env: Env) => Promise<Response>;

/**
 * The service's HTTP side: finds the route, lets in whoever may, and turns whatever is
 * thrown into an answer, which nothing else does.
 */
export function createRouter(streams: readonly Stream[], routes: readonly Route[]): Handle {
  const router = Router<IRequestStrict, [Env, Line]>();
  for (const route of routes) {
    const handle = (request: IRequestStrict, env: Env, line: Line) =>
      enter(route, request, env, streams, line);
    router[VERBS[route.method]](route.path, handle);
    if (route.method === "GET") router.head(route.path, handle);
  }
  const table = [...router.routes];
  router.all("*", (request) => refuse(table, request));

  return async (request, env) => {
    const started = Date.now();
    const request_id = crypto.randomUUID();
    const line: Line = { event: "http.request", fields: {} };
    const response = await answer(() => router.fetch(request, env, line), request, env, request_id);
    const { method } = request;
    const path = new URL(request.url).pathname.slice(0, 300);
    const { status } = response;
    const duration_ms = Date.now() - started;
    log(line.event, { request_id, method, path, status, duration_ms, ...line.fields });
    return response;
  };
}

/** The one line that a request leaves in the log. */
interface Line {
  event: string;
  fields: LogFields;
}

const VERBS = { GET: "get", POST: "post", DELETE: "delete" } as const;

async function answer(
  fetch: () => Promise<Response>,
  request: Request,
  env: Env,
  request_id: string,
): Promise<Response> {
  const instance = `urn:uuid:${request_id}`;
  let response: Response;
  try {
    response = await fetch();
  } catch (error) {
    if (!(error instanceof Problem)) {
      const stack = error instanceof Error ? error.stack : undefined;
      logError("http.failed", { request_id, reason: reasonOf(error), stack });
    }
    const problem = error instanceof Problem ? error : new Problem("internal", INTERNAL);
    response = problem.toResponse(instance);
  }
  for (const [name, value] of Object.entries(corsHeaders(originOf(env)))) {
    response.headers.set(name, value);
  }
  response.headers.set("Cache-Control", "no-store");
  response.headers.set("X-Content-Type-Options", "nosniff");
  return request.method === "HEAD" ? new Response(null, response) : response;
}

const INTERNAL =
  "The service failed. Its log has the reason under this instance. Posting again is safe.";

async function enter(
  route: Route,
  request: IRequestStrict,
  env: Env,
  streams: readonly Stream[],
  line: Line,
): Promise<Response> {
  const caller = route.scopes.length > 0 ? await authorize(request, env, route.scopes) : null;
  const note = (event: string, fields: LogFields) => {
    line.event = event;
    line.fields = fields;
  };
  const context: Context = { env, streams, caller, params: decoded(request.params), note };
  return route.handle(request, context);
}

/** No route fits: another method would, or the path is unknown. */
function refuse(routes: readonly RouteEntry[], request: IRequestStrict): Response {
  const { pathname } = new URL(request.url);
  const fitting = routes.filter(([, pattern]) => pattern.test(pathname));
  if (fitting.length === 0) throw new Problem("not-found", "There is nothing at this address.");
  const methods = [...new Set(fitting.map(([method]) => method)), "OPTIONS"];
  if (request.method === "OPTIONS") return preflight(methods);
  const allow = methods.join(", ");
  throw new Problem("method-not-allowed", `${request.method} is not for this address: ${allow}.`, {
    headers: { Allow: allow },
  });
}

/** itty-router hands over the path's parameters as they stand in the URL. */
function decoded(params: IRequestStrict["params"]): Record<string, string> {
  try {
    const entries = Object.entries(params ?? {});
    return Object.fromEntries(entries.map(([name, value]) => [name, decodeURIComponent(value)]));
  } catch {
    throw new Problem("invalid-request", "The path has a % that encodes nothing.");
  }
}

function originOf(env: Env): string {
  try {
    return configOf(env).CORS_ORIGIN;
  } catch {
    return "*";
  }
}
