import { toJsonSchema } from "@valibot/to-json-schema";
import { MAX_ROWS } from "../limits.ts";
import type { Stream } from "../streams/stream.ts";
import { VERSION } from "./health.ts";
import { json, type Route } from "./route.ts";

const PROBLEM = { $ref: "#/components/responses/Problem" };

/** GET /openapi.json: OpenAPI 3.1, made from the route table and the streams' schemas. */
export function describeApi(streams: readonly Stream[], routes: readonly Route[]): Response {
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operationOf(streams, route) };
  }
  return json({
    openapi: "3.1.0",
    info: {
      title: "Millrace",
      version: VERSION,
      description: "Exactly-once ingestion of CI results.",
      license: { name: "MIT", identifier: "MIT" },
    },
    paths,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
      schemas: Object.fromEntries(streams.map((stream) => [stream.name, uploadSchema(stream)])),
      responses: {
        Problem: {
          description: "Problem details (RFC 9457); an invalid batch lists its faults in errors",
          content: { "application/problem+json": { schema: PROBLEM_SCHEMA } },
        },
      },
    },
  });
}

function operationOf(streams: readonly Stream[], route: Route): object {
  const stream = streams.find(({ path }) => path === route.path);
  const parameters = [...route.path.matchAll(/:(\w+)/g)].map(([, name]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const content = stream && {
    "application/json": { schema: { $ref: `#/components/schemas/${stream.name}` } },
  };
  return {
    summary: route.summary,
    ...(route.scopes.length > 0 && {
      security: [{ bearer: [] }],
      description: `Scope: ${route.scopes.join(" or ")}.`,
    }),
    ...(parameters.length > 0 && { parameters }),
    ...(content && { requestBody: { required: true, content } }),
    responses: {
      ...(stream ? UPLOAD_RESPONSES : { "2XX": { description: "Done" } }),
      "4XX": PROBLEM,
      "5XX": PROBLEM,
    },
  };
}

const UPLOAD_RESPONSES = {
  "201": {
    description: "The batch is written: batch_id, status, batch_run_id and the count of its rows",
  },
  "202": { description: "The batch is kept and will be written: batch_id and status" },
};

const PROBLEM_SCHEMA = {
  type: "object",
  required: ["type", "title", "status", "detail", "instance"],
  properties: {
    type: { type: "string" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    instance: { type: "string" },
    errors: {
      type: "array",
      items: {
        type: "object",
        properties: { path: { type: "string" }, message: { type: "string" } },
      },
    },
  },
};

function uploadSchema(stream: Stream): object {
  // "ignore": what JSON Schema cannot say, like "no NUL character", is left to the answer.
  const options = { errorMode: "ignore", typeMode: "input" } as const;
  const run = toJsonSchema(stream.run, options);
  const row = toJsonSchema(stream.row, options);
  const rows = { type: "array", items: row, minItems: stream.leastRows, maxItems: MAX_ROWS };
  return {
    ...run,
    description: stream.description,
    properties: {
      batch_id: { type: "string", minLength: 1, maxLength: 200, pattern: "^[A-Za-z0-9._:@+-]+$" },
      ...run.properties,
      [stream.rowsField]: rows,
    },
    required: ["batch_id", ...(run.required ?? []), stream.rowsField],
  };
}
