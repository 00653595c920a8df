import { test } from "vitest";
import * as v from "valibot";
import { BatchId } from "../../src/streams/fields.ts";
import { documented, operation, routeAt, ROUTES, SERVED } from "./described.ts";

test("the document has no reference to nowhere and no document inside it", async ({ expect }) => {
  const document = await documented();
  const objects = objectsIn(document);
  expect(objects.filter((object) => "$schema" in object || "$defs" in object)).toEqual([]);
  const references = objects.flatMap((object) => ("$ref" in object ? [String(object.$ref)] : []));
  expect(references).toContain("#/components/schemas/batch-metrics");
  expect(references.filter((reference) => pointed(document, reference) === undefined)).toEqual([]);
});

function objectsIn(value: unknown): object[] {
  if (typeof value !== "object" || value === null) return [];
  return [value, ...Object.values(value).flatMap(objectsIn)];
}

function pointed(document: object, reference: string): unknown {
  return reference
    .split("/")
    .slice(1)
    .reduce<unknown>(
      (value, key) =>
        typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined,
      document,
    );
}

test("every operation has an id of its own, and every parameter of a path is described", async ({
  expect,
}) => {
  const { paths } = await documented();
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.values(methods).map((described) => ({ path, ...described })),
  );
  const ids = operations.map(({ operationId }) => operationId);
  expect(ids).not.toContain(undefined);
  expect(new Set(ids).size).toBe(ROUTES.length);
  for (const { path, parameters = [] } of operations) {
    const inPath = parameters.filter((parameter) => parameter.in === "path");
    expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
  }
});

test("an upload is described as it is parsed: its batch_id, its moments, its rows, its headers", async ({
  expect,
}) => {
  const { components } = await documented();
  const { schemas } = components;
  const pattern = schemas["BatchId"]?.pattern ?? "";
  for (const id of ["run-1", "a:b@c+d", "..", ".", "", "a/b", "x".repeat(200), "x".repeat(201)]) {
    expect([id, new RegExp(pattern).test(id)]).toEqual([id, v.is(BatchId, id)]);
  }
  expect(schemas["batch-metrics"]).toMatchObject({
    properties: {
      batch_id: { $ref: "#/components/schemas/BatchId" },
      started_at: { type: "string", format: "date-time" },
      results: { type: "array", minItems: 0, maxItems: 50_000 },
    },
    additionalProperties: false,
  });
  const { parameters, requestBody } = await operation(routeAt("POST /batch-metrics"));
  expect(parameters?.map(({ name }) => name)).toEqual(["Prefer", "Content-Encoding"]);
  expect(requestBody).toMatchObject({
    required: true,
    content: { "application/json": { schema: { $ref: "#/components/schemas/batch-metrics" } } },
  });
});

test("the filters of dead letters are described as they are parsed", async ({ expect }) => {
  const list = await operation(routeAt("GET /dead-letters"));
  const byName = list.parameters?.map(({ name, required, schema }) => [
    name,
    { required, ...schema },
  ]);
  expect(Object.fromEntries(byName ?? [])).toMatchObject({
    stream: { required: false, enum: SERVED.map(({ name }) => name) },
    reason: { required: false, type: "string", minLength: 1 },
    since: { required: false, type: "string", format: "date-time" },
    before: { required: false, type: "string", format: "date-time" },
    limit: { required: false, type: "integer", minimum: 1, maximum: 500, default: 50 },
    cursor: { required: false, type: "string" },
  });
  const replay = await operation(routeAt("POST /dead-letters/replay"));
  expect(replay.requestBody).toMatchObject({
    required: false,
    content: {
      "application/json": {
        schema: {
          properties: {
            limit: { type: "integer", maximum: 1_000 },
            since: { format: "date-time" },
          },
          additionalProperties: false,
        },
      },
    },
  });
});
