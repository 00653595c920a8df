import type { Stream } from "../streams/stream.ts";
import { ApiDescription, FrontPage, Health } from "./answers.ts";
import { health } from "./health.ts";
import { describeApi } from "./openapi.ts";
import { operatorRoutes } from "./operator-routes.ts";
import { json, type Route } from "./route.ts";
import { streamRoutes } from "./stream-routes.ts";

/** Every route of the service with these streams: what a stream adds comes from its definition. */
export function routesOf(streams: readonly Stream[]): Route[] {
  // Made when it is first asked for: whoever asks needs no token, and should cost next to nothing.
  let api: object | undefined;
  const routes: Route[] = [
    ...streams.flatMap(streamRoutes),
    ...operatorRoutes(streams),
    {
      method: "GET",
      path: "/healthz",
      scopes: [],
      summary: "Whether the service is up, and its version",
      operationId: "health",
      answers: { 200: { description: "It is up.", schema: Health } },
      handle: health,
    },
    {
      method: "GET",
      path: "/openapi.json",
      scopes: [],
      summary: "This description",
      operationId: "describe-api",
      answers: { 200: { description: "OpenAPI 3.1.", schema: ApiDescription } },
      handle: () => json((api ??= describeApi(streams, routes))),
    },
    {
      method: "GET",
      path: "/",
      scopes: [],
      summary: "Where to go from here",
      operationId: "front-page",
      answers: { 200: { description: "Addresses.", schema: FrontPage } },
      handle: () => json({ service: "millrace", api: "/openapi.json", health: "/healthz" }),
    },
  ];
  return routes;
}
