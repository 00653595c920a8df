import * as v from "valibot";
import { MAX_ROWS } from "../limits.ts";
import { BatchId } from "./fields.ts";
import type { Stream } from "./stream.ts";

const schemas = new WeakMap<Stream, v.GenericSchema>();

/**
 * A stream's upload as one schema, for the API description. `parseBatch` goes by the same fields,
 * but checks the rows one by one. A stream has one such object, by which others can refer to it.
 */
export function uploadSchemaOf(stream: Stream): v.GenericSchema {
  let schema = schemas.get(stream);
  if (!schema) schemas.set(stream, (schema = schemaOf(stream)));
  return schema;
}

function schemaOf(stream: Stream): v.GenericSchema {
  const rows = v.pipe(v.array(stream.row), v.minLength(stream.minRows), v.maxLength(MAX_ROWS));
  return v.pipe(
    v.strictObject({ batch_id: BatchId, ...stream.run.entries, [stream.rowsField]: rows }),
    v.description(stream.description),
  );
}
