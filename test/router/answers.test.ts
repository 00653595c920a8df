import { env } from "cloudflare:workers";
import { describe, test } from "vitest";
import type { AnswerHeader } from "../../src/router/headers.ts";
import type { Route } from "../../src/router/route.ts";
import type { Stream } from "../../src/streams/stream.ts";
import {
  admin,
  ask,
  ASYNC,
  batch,
  execution,
  post,
  request,
  result,
  rows,
  withEnv,
} from "../client.ts";
import { faults } from "../faults.ts";
import { refuseRows } from "../faulty-database.ts";
import { deployments, notices } from "../worker.ts";
import {
  documented,
  hold,
  holdTo,
  lineOf,
  operation,
  routeAt,
  ROUTES,
  SERVED,
} from "./described.ts";

/** A batch "run-1" of each stream; another name makes other content. A new stream is entered here. */
const UPLOADS: Record<string, (name: string) => object> = {
  "batch-metrics": (name) => batch({ results: [result({ recipe_name: name })] }),
  executions: (name) => ({ batch_id: "run-1", records: [execution({ model: name })] }),
  deployments: (name) => ({ batch_id: "run-1", service: name, steps: [{ step: name }] }),
  notices: (name) => ({ batch_id: "run-1", lines: [{ line: name }] }),
};

function postTo({ name, path }: Stream, headers: object = {}, content = "one"): Promise<Response> {
  const uploadOf = UPLOADS[name];
  if (!uploadOf) throw new Error(`UPLOADS has no batch of the stream "${name}"`);
  return post(uploadOf(content), { path, headers });
}

/** Keeps a batch of the stream pending: its ticket is lost. */
async function wait(stream: Stream): Promise<void> {
  faults.queue = "loses";
  await postTo(stream, ASYNC.headers);
}

/** Makes the database refuse a batch of the stream for good. @returns the answer to its post. */
async function die(stream: Stream): Promise<Response> {
  if (!stream.tables) throw new Error(`the stream "${stream.name}" has no tables`);
  await refuseRows(stream.tables.rows);
  return postTo(stream);
}

/** How an answer comes about: the route, the status, in which case, and what to do for it. */
type Case = [line: string, status: number, what: string, provoke: () => Promise<Response>];

function casesOf(stream: Stream): Case[] {
  const { name, path, tables } = stream;
  const posted = `POST ${path}`;
  const asked = `GET ${path}/:batch_id`;
  const letter = "/dead-letters/:stream/:batch_id";
  const status = () => ask(`${path}/run-1`);
  const afterwards = async (before: Promise<unknown>, next: () => Promise<Response>) => {
    await before;
    return next();
  };
  const cases: Case[] = [
    [posted, 201, "new", () => postTo(stream, { Prefer: "wait=20" })],
    [posted, 201, "known", () => afterwards(postTo(stream), () => postTo(stream))],
    [posted, 202, "pending", () => postTo(stream, ASYNC.headers)],
    [asked, 200, "pending", () => afterwards(wait(stream), status)],
    [asked, 200, "written", () => afterwards(postTo(stream), status)],
  ];
  if (!tables) return cases;
  const forget = async () => {
    await rows(`DELETE FROM ${tables.rows}`);
    await rows(`DELETE FROM ${tables.run}`);
    return status();
  };
  const operate = (method: string, rest = "") =>
    afterwards(die(stream), () => admin(`${method} /dead-letters/${name}/run-1${rest}`));
  return [
    ...cases,
    [posted, 202, "dead", () => die(stream)],
    [asked, 200, "dead", () => afterwards(die(stream), status)],
    [asked, 200, "gone", () => afterwards(postTo(stream), forget)],
    [
      "GET /dead-letters",
      200,
      name,
      () => afterwards(die(stream), () => admin("GET /dead-letters")),
    ],
    [`GET ${letter}`, 200, name, () => operate("GET")],
    [`DELETE ${letter}`, 204, name, () => operate("DELETE")],
    [`POST ${letter}/replay`, 202, name, () => operate("POST", "/replay")],
  ];
}

const NOBODY = { stream: "batch-metrics", batch_id: "nobody" };

/** Every good answer of every route. A new one must be entered here, or the test below fails. */
const CASES: Case[] = [
  ...SERVED.flatMap(casesOf),
  ["POST /dead-letters/replay", 202, "all", () => admin("POST /dead-letters/replay")],
  ["GET /ledger", 200, "with some of each", busyLedger],
  ["POST /ledger/forget", 200, "none", () => admin("POST /ledger/forget", NOBODY)],
  ["GET /healthz", 200, "", () => request("/healthz")],
  ["GET /openapi.json", 200, "", () => request("/openapi.json")],
  ["GET /", 200, "", () => request("/")],
];

async function busyLedger(): Promise<Response> {
  await die(deployments);
  await post("{");
  await wait(notices);
  return ask("/ledger");
}

test("every good answer that a route declares is provoked below, and every route declares one", ({
  expect,
}) => {
  const declared = ROUTES.flatMap((route) =>
    Object.keys(route.answers ?? {}).map((status) => `${lineOf(route)} ${status}`),
  );
  const provoked = CASES.map(([line, status]) => `${line} ${status}`);
  expect([...new Set(provoked)].toSorted()).toEqual(declared.toSorted());
  for (const route of ROUTES) expect(Object.keys(route.answers ?? {})).not.toEqual([]);
});

test.for(CASES)("%s answers %i %s as it says", async ([line, status, , provoke], { expect }) => {
  const response = await provoke();
  expect(response.status).toBe(status);
  await hold(expect, routeAt(line), response);
});

test("an answer carries the headers that make it useful", async ({ expect }) => {
  const headersOf = async (answer: Promise<Response>) => {
    const { headers } = await answer;
    const names: AnswerHeader[] = ["Location", "Retry-After", "Idempotent-Replayed"];
    return names.map((name) => headers.get(name));
  };
  expect(await headersOf(postTo(notices))).toEqual(["/notices/run-1", null, null]);
  expect(await headersOf(postTo(notices))).toEqual(["/notices/run-1", null, "true"]);
  const pending = post(batch(), ASYNC);
  expect(await headersOf(pending)).toEqual(["/batch-metrics/run-1", "1", null]);
  expect(await headersOf(die(deployments))).toEqual(["/deployments/run-1", null, null]);
});

interface Attempt {
  path?: string;
  token?: string;
  headers?: object;
  body?: string;
  overrides?: Partial<Env>;
}

/** Asks a route with a token that fits it, or otherwise as said. */
function attempt(route: Route, how: Attempt = {}): Promise<Response> {
  const path = route.path.replace(":stream", "batch-metrics").replace(":batch_id", "nobody");
  const { token = `test-${route.scopes[0]}-token`, headers, body, overrides = {} } = how;
  return withEnv(overrides, how.path ?? path, {
    method: route.method,
    headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", ...headers },
    ...(body !== undefined && { body }),
  });
}

/**
 * How each problem comes about, at every route where it can; what a route says of itself is not
 * asked. `internal` and the conflict have tests of their own.
 */
const PROBLEMS: Record<number, (route: Route) => Promise<Response>[]> = {
  400: (route) => [
    ...attempts(route.path.includes(":"), route, { path: route.path.replaceAll(/:\w+/g, "%E0") }),
    ...attempts(route.path === "/dead-letters", route, { path: "/dead-letters?limit=0" }),
    ...attempts(takesBody(route), route, { body: "{" }, { body: '{"x":1}' }),
  ],
  401: (route) => attempts(guarded(route), route, { token: "wrong" }, { token: "" }),
  403: (route) => {
    const scope = route.scopes.includes("admin") ? "read" : "admin";
    return attempts(guarded(route), route, { token: `test-${scope}-token` });
  },
  404: (route) => attempts(route.path.includes(":"), route, {}),
  413: (route) => {
    const body = JSON.stringify("x".repeat(20_000));
    return attempts(takesBody(route), route, { body, overrides: { MAX_UPLOAD_BYTES: "10000" } });
  },
  415: (route) =>
    attempts(
      takesBody(route),
      route,
      { body: "{}", headers: { "Content-Type": "text/plain" } },
      { body: "{}", headers: { "Content-Encoding": "br" } },
    ),
  429: (route) => {
    const overrides = { UPLOAD_LIMIT: { limit: async () => ({ success: false }) } };
    return attempts(takesUploads(route), route, { body: "{}", overrides });
  },
  503: (route) => {
    const body = route.path === "/ledger/forget" ? { body: JSON.stringify(NOBODY) } : {};
    return attempts(guarded(route), route, { ...body, overrides: { LEDGER_SHARDS: "many" } });
  },
};

const guarded = ({ scopes }: Route) => scopes.length > 0;
const takesUploads = ({ method, path }: Route) =>
  method === "POST" && SERVED.some((stream) => stream.path === path);
const takesBody = (route: Route) =>
  takesUploads(route) || ["/dead-letters/replay", "/ledger/forget"].includes(route.path);

function attempts(applies: boolean, route: Route, ...hows: Attempt[]): Promise<Response>[] {
  return applies ? hows.map((how) => attempt(route, how)) : [];
}

describe.for(ROUTES.map((route) => [lineOf(route), route] as const))("%s", ([, route]) => {
  test("answers the problems that it says, as it says, and no others", async ({ expect }) => {
    const said = Object.keys((await operation(route)).responses).filter((status) => +status >= 400);
    const provoked: string[] = takesUploads(route) ? ["409", "500"] : ["500"];
    for (const [status, provoke] of Object.entries(PROBLEMS)) {
      const responses = await Promise.all(provoke(route));
      if (responses.length > 0) provoked.push(status);
      for (const response of responses) {
        expect(response.status).toBe(Number(status));
        await hold(expect, route, response);
      }
    }
    expect(said.toSorted()).toEqual(provoked.toSorted());
  });

  test("says that it wants a token where it does, and of which scope", async ({ expect }) => {
    const { security = [], responses } = await operation(route);
    expect(security).toEqual(route.scopes.map((scope) => ({ bearer: [scope] })));
    const expected = guarded(route);
    expect(["401" in responses, "403" in responses]).toEqual([expected, expected]);
  });
});

test.for(SERVED)(
  "other content under a batch_id of $name is the conflict that it says",
  async (stream, { expect }) => {
    await postTo(stream);
    const response = await postTo(stream, {}, "two");
    expect(response.status).toBe(409);
    await hold(expect, routeAt(`POST ${stream.path}`), response);
  },
);

test("what fails unforeseen is the problem that it says", async ({ expect }) => {
  await post(batch());
  const DB = new Proxy(env.DB, {
    get() {
      throw new Error("the database is away");
    },
  });
  const route = routeAt("GET /batch-metrics/:batch_id");
  const response = await attempt(route, { path: "/batch-metrics/run-1", overrides: { DB } });
  expect(response.status).toBe(500);
  await hold(expect, route, response);
});

test("a method that an address does not have is answered as the document says", async ({
  expect,
}) => {
  const { components } = await documented();
  const response = await request("/batch-metrics", { method: "PUT" });
  expect(response.status).toBe(405);
  await holdTo(expect, components.responses["method-not-allowed"], response, undefined);
});
