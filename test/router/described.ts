import type { TestContext } from "vitest";
import * as v from "valibot";
import { ProblemDetails } from "../../src/router/answers.ts";
import { ANSWER_HEADERS } from "../../src/router/headers.ts";
import type { Route } from "../../src/router/route.ts";
import { routesOf } from "../../src/router/routes.ts";
import { STREAMS } from "../../src/streams/index.ts";
import { request } from "../client.ts";
import { deployments, notices } from "../worker.ts";

/** The streams of the service under test. */
export const SERVED = [...STREAMS, deployments, notices];
export const ROUTES = routesOf(SERVED);

interface Described {
  description: string;
  headers?: Record<string, object>;
  content?: Record<string, object>;
}

interface Operation {
  operationId: string;
  parameters?: { name: string; in: string; required: boolean; schema: Record<string, unknown> }[];
  requestBody?: { required: boolean; content: Record<string, { schema: object }> };
  security?: object[];
  responses: Record<string, Described>;
}

interface Document {
  paths: Record<string, Record<string, Operation>>;
  components: {
    schemas: Record<string, { properties?: Record<string, unknown>; pattern?: string }>;
    responses: Record<string, Described>;
  };
}

/** The API description, as it is served. */
export async function documented(): Promise<Document> {
  return (await request("/openapi.json")).json();
}

/** What the API description says of a route. */
export async function operation({ method, path }: Route): Promise<Operation> {
  const document = await documented();
  const found = document.paths[path.replaceAll(/:(\w+)/g, "{$1}")]?.[method.toLowerCase()];
  if (!found) throw new Error(`${method} ${path} is not described`);
  return found;
}

/** A route, as tests name it. */
export const lineOf = ({ method, path }: Route) => `${method} ${path}`;

/** The route that a test names. */
export function routeAt(line: string): Route {
  const route = ROUTES.find((candidate) => lineOf(candidate) === line);
  if (!route) throw new Error(`there is no route ${line}`);
  return route;
}

/** Holds an answer to what its route says of it. */
export async function hold(
  expect: TestContext["expect"],
  route: Route,
  response: Response,
): Promise<void> {
  const declared = (await operation(route)).responses[response.status];
  expect(declared, `${lineOf(route)} ${response.status}`).toBeDefined();
  await holdTo(expect, declared, response, route.answers?.[response.status]?.schema);
}

/** The same, where the description of the answer is known. */
export async function holdTo(
  expect: TestContext["expect"],
  declared: Described | undefined,
  response: Response,
  schema: v.GenericSchema | undefined,
): Promise<void> {
  const carried = Object.entries(ANSWER_HEADERS).filter(([name]) => response.headers.has(name));
  for (const [name, header] of carried) {
    expect(Object.keys(declared?.headers ?? {})).toContain(name);
    const text = response.headers.get(name) ?? "";
    expect(v.is(header.schema, /^\d+$/.test(text) ? Number(text) : text), name).toBe(true);
  }
  const text = await response.text();
  const expected = response.ok ? schema : ProblemDetails;
  if (expected) {
    expect(v.safeParse(expected, JSON.parse(text)).issues).toBeUndefined();
    expect(Object.keys(declared?.content ?? {})).toEqual([response.headers.get("Content-Type")]);
  } else {
    expect([text, declared?.content]).toEqual(["", undefined]);
  }
}
