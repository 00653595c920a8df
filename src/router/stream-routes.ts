import type { Stream } from "../streams/stream.ts";
import { uploadSchemaOf } from "../streams/upload-schema.ts";
import { batchStanding, UploadKept, uploadWritten } from "./answers.ts";
import { batchStatus } from "./batch-status.ts";
import { ingest } from "./ingest.ts";
import type { Route } from "./route.ts";

/** The two routes of a stream. */
export function streamRoutes(stream: Stream): Route[] {
  return [
    {
      method: "POST",
      path: stream.path,
      scopes: ["ingest"],
      summary: `Upload: ${stream.description}`,
      operationId: `upload-${stream.name}`,
      headers: ["Prefer", "Content-Encoding"],
      body: {
        schema: uploadSchemaOf(stream),
        description: "JSON in UTF-8, as it is or gzipped.",
        required: true,
      },
      answers: {
        201: {
          description: "The batch is written.",
          schema: uploadWritten(stream),
          headers: ["Location", "Idempotent-Replayed", "Preference-Applied"],
        },
        202: {
          description:
            "The batch is kept. Pending: it will be written; Retry-After says when to ask. Dead: the database refused it for good, and it is among the dead letters until an operator decides.",
          schema: UploadKept,
          headers: ["Location", "Retry-After", "Idempotent-Replayed", "Preference-Applied"],
        },
      },
      problems: ["invalid-batch", "batch-conflict", "too-many-requests"],
      handle: (request, context) => ingest(stream, request, context),
    },
    {
      method: "GET",
      path: `${stream.path}/:batch_id`,
      // Who may upload a batch may ask what became of it: the same answer as posting it again.
      scopes: ["read", "ingest"],
      summary: "How a batch stands",
      operationId: `status-of-${stream.name}`,
      answers: {
        200: {
          description:
            "Pending with the last error; written with its run, which is null once retention has deleted it; or dead with the reason and what to do.",
          schema: batchStanding(stream),
        },
      },
      handle: (request, context) => batchStatus(stream, request, context),
    },
  ];
}
