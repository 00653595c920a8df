import * as v from "valibot";
import { BatchId } from "../streams/fields.ts";
import type { Stream } from "../streams/stream.ts";
import { ProblemDetails } from "./answers.ts";
import { type Describe, describedSchemas } from "./described-schemas.ts";
import { ANSWER_HEADERS, REQUEST_HEADERS } from "./headers.ts";
import { VERSION } from "./health.ts";
import { answerOf, problemAnswers, problemsOf } from "./route-problems.ts";
import type { Answer, Route } from "./route.ts";

const DESCRIPTION =
  "Exactly-once ingestion of CI results. Where there is a GET there is a HEAD. A method that an address does not have is answered as the response method-not-allowed says.";

/** OpenAPI 3.1, made from the route table and the schemas that it names. */
export function describeApi(streams: readonly Stream[], routes: readonly Route[]): object {
  const { schemas, describe } = describedSchemas(streams);
  const paths: Record<string, Record<string, object>> = {};
  for (const route of routes) {
    const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
    const operation = operationOf(route, streams, describe);
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation };
  }
  const headers = Object.entries(ANSWER_HEADERS).map(([name, { description, schema }]) => [
    name,
    { description, schema: describe(schema) },
  ]);
  return {
    openapi: "3.1.0",
    info: {
      title: "Millrace",
      version: VERSION,
      description: DESCRIPTION,
      license: { name: "MIT", identifier: "MIT" },
    },
    paths,
    components: {
      securitySchemes: { bearer: { type: "http", scheme: "bearer" } },
      schemas,
      headers: Object.fromEntries(headers),
      responses: {
        "method-not-allowed": responseOf(answerOf(["method-not-allowed"]), describe),
      },
    },
  };
}

function operationOf(route: Route, streams: readonly Stream[], describe: Describe): object {
  const { body, operationId, scopes, summary } = route;
  const parameters = parametersOf(route, streams).map((parameter) => ({
    ...parameter,
    schema: describe(parameter.schema),
  }));
  const answers = [
    ...Object.entries(route.answers ?? {}),
    ...problemAnswers(problemsOf(route)),
  ].map(([status, answer]) => [status, responseOf(answer, describe)]);
  return {
    summary,
    ...(operationId && { operationId }),
    ...(scopes.length > 0 && {
      description: `Scope: ${scopes.join(" or ")}.`,
      // One of these is enough.
      security: scopes.map((scope) => ({ bearer: [scope] })),
    }),
    ...(parameters.length > 0 && { parameters }),
    ...(body && {
      requestBody: {
        description: body.description,
        required: body.required,
        content: { "application/json": { schema: describe(body.schema) } },
      },
    }),
    responses: Object.fromEntries(answers),
  };
}

interface Parameter {
  name: string;
  in: "path" | "query" | "header";
  required: boolean;
  description?: string;
  schema: v.GenericSchema;
}

function parametersOf(route: Route, streams: readonly Stream[]): Parameter[] {
  const inPath: Record<string, v.GenericSchema> = {
    stream: v.picklist(streams.map(({ name }) => name)),
    batch_id: BatchId,
  };
  const path = [...route.path.matchAll(/:(\w+)/g)].map(([, name = ""]): Parameter => {
    return { name, in: "path", required: true, schema: inPath[name] ?? v.string() };
  });
  const query = Object.entries(route.query?.entries ?? {}).map(([name, schema]): Parameter => {
    return { name, in: "query", required: !v.is(schema, undefined), schema };
  });
  const headers = (route.headers ?? []).map((name): Parameter => {
    return { name, in: "header", required: false, ...REQUEST_HEADERS[name] };
  });
  return [...path, ...query, ...headers];
}

function responseOf({ description, schema, headers = [] }: Answer, describe: Describe): object {
  const type = schema === ProblemDetails ? "application/problem+json" : "application/json";
  const references = headers.map((name) => [name, { $ref: `#/components/headers/${name}` }]);
  return {
    description,
    ...(headers.length > 0 && { headers: Object.fromEntries(references) }),
    ...(schema && { content: { [type]: { schema: describe(schema) } } }),
  };
}
