import {
  type ConversionConfig,
  type JsonSchema,
  toJsonSchema,
  toJsonSchemaDefs,
} from "@valibot/to-json-schema";
import type * as v from "valibot";
import { BatchId } from "../streams/fields.ts";
import type { Stream } from "../streams/stream.ts";
import { uploadSchemaOf } from "../streams/upload-schema.ts";
import { Dead, DeadLetter, Pending, ProblemDetails, StreamTotals } from "./answers.ts";

/** A schema as JSON Schema, or a reference to where the API description has it under a name. */
export type Describe = (schema: v.GenericSchema) => object;

/** The schemas that the API description has under a name, and how it writes any other. */
export function describedSchemas(streams: readonly Stream[]): {
  schemas: Record<string, object>;
  describe: Describe;
} {
  const definitions = {
    ...Object.fromEntries(streams.map((stream) => [stream.name, uploadSchemaOf(stream)])),
    BatchId,
    Dead,
    DeadLetter,
    Pending,
    Problem: ProblemDetails,
    StreamTotals,
  };
  const options = { ...OPTIONS, definitions };
  const known = new Map<v.GenericSchema, object>();
  return {
    schemas: toJsonSchemaDefs(definitions, OPTIONS),
    describe(schema) {
      // Each conversion goes over all definitions, and most schemas occur at many routes.
      let described = known.get(schema);
      if (!described) known.set(schema, (described = partOf(toJsonSchema(schema, options))));
      return described;
    },
  };
}

/** A document of its own would have these two; this is a part of one. */
function partOf(document: JsonSchema): object {
  const { $schema: _, $defs: __, ...part } = document;
  return part;
}

const OPTIONS = {
  target: "draft-2020-12",
  typeMode: "input",
  // What JSON Schema cannot say, like "no NUL character", is left to the answer.
  errorMode: "ignore",
  overrideRef: ({ referenceId }) => `#/components/schemas/${referenceId}`,
  overrideAction({ valibotAction, jsonSchema }) {
    // A whole number that may come as text, as in a query: "integer" says all that is left of the choice.
    const { anyOf, ...integer } = jsonSchema;
    const anyNumber = anyOf?.some((choice) => JSON.stringify(choice) === '{"type":"number"}');
    return valibotAction.type === "integer" && anyNumber ? integer : null;
  },
} as const satisfies ConversionConfig;
