import { describe, test } from "vitest";
import { routesOf } from "../../src/router/routes.ts";
import { STREAMS } from "../../src/streams/index.ts";
import { request } from "../client.ts";

const ROUTES = routesOf(STREAMS);

/** Who may do what with any stream. */
const OF_STREAMS = STREAMS.flatMap(({ path }) => [
  [`POST ${path}`, ["ingest"]] as const,
  [`GET ${path}/:batch_id`, ["read", "ingest"]] as const,
]);

/** Who may do what. A new route must be entered here, or the first test fails. */
const EXPECTED: Record<string, readonly string[]> = {
  ...Object.fromEntries(OF_STREAMS),
  "GET /ledger": ["read"],
  "POST /ledger/forget": ["admin"],
  "GET /dead-letters": ["admin"],
  "POST /dead-letters/replay": ["admin"],
  "GET /dead-letters/:stream/:batch_id": ["admin"],
  "DELETE /dead-letters/:stream/:batch_id": ["admin"],
  "POST /dead-letters/:stream/:batch_id/replay": ["admin"],
  "GET /healthz": [],
  "GET /openapi.json": [],
  "GET /": [],
};

test("every route has the scopes that it should have, and none is missing from the list", ({
  expect,
}) => {
  const actual = ROUTES.map(({ method, path, scopes }) => [`${method} ${path}`, scopes]);
  expect(Object.fromEntries(actual)).toEqual(EXPECTED);
});

describe.for(ROUTES.map((route) => [`${route.method} ${route.path}`, route] as const))(
  "%s",
  ([, route]) => {
    const path = route.path.replace(":stream", "batch-metrics").replace(":batch_id", "run-1");
    const call = async (token: string) => {
      const headers = token ? { Authorization: `Bearer ${token}` } : {};
      return (await request(path, { method: route.method, headers })).status;
    };

    test("lets in its scopes, and no other", async ({ expect }) => {
      for (const scope of ["ingest", "read", "admin"] as const) {
        const status = await call(`test-${scope}-token`);
        const may = route.scopes.length === 0 || route.scopes.includes(scope);
        expect([scope, status === 403]).toEqual([scope, !may]);
        expect(status).not.toBe(401);
      }
    });

    test("lets in nobody without a token, with a wrong one, or with a right one's hash", async ({
      expect,
    }) => {
      const digest = await crypto.subtle.digest(
        "SHA-256",
        new TextEncoder().encode("test-admin-token"),
      );
      const hash = Array.from(new Uint8Array(digest), (byte) =>
        byte.toString(16).padStart(2, "0"),
      ).join("");
      for (const token of ["", "wrong", "test-admin-tokenx", "test-admin-toke", hash]) {
        expect(await call(token)).toBe(route.scopes.length === 0 ? 200 : 401);
      }
    });
  },
);
