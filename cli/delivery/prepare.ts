import { promisify } from "node:util";
import { gzip } from "node:zlib";
import { Problem } from "../../src/problem.ts";
import { encodeBody } from "../../src/streams/body.ts";
import { STREAMS, streamNamed } from "../../src/streams/index.ts";
import { parseBatch } from "../../src/streams/parse.ts";
import type { Stream } from "../../src/streams/stream.ts";
import { EXIT } from "../exit-codes.ts";
import { Failure } from "../failure.ts";
import type { ImportedUpload } from "../importers/index.ts";
import type { NewEntry } from "../spool/entry.ts";
import { splitUpload } from "./split.ts";

const compress = promisify(gzip);

/** The stream of that name. @throws Failure where the service has none such. */
export function streamOf(name: string): Stream {
  const stream = streamNamed(STREAMS, name);
  if (stream) return stream;
  const known = STREAMS.map((each) => each.name).join(", ");
  throw new Failure(`There is no stream ${name}: it must be one of ${known}.`, EXIT.wrongInput);
}

/** What would be sent for an imported upload: itself, or its numbered parts. */
export function uploadsOf({ stream, upload }: ImportedUpload): Record<string, unknown>[] {
  return splitUpload(streamOf(stream), upload);
}

/**
 * Validates an imported upload with the service's own schema, and makes it ready to be kept
 * and sent: itself, or all of its parts.
 * @throws Failure naming the file (and line) and what is wrong in it.
 */
export async function prepare(imported: ImportedUpload): Promise<NewEntry[]> {
  const stream = streamOf(imported.stream);
  const entries: NewEntry[] = [];
  for (const upload of uploadsOf(imported)) {
    const text = JSON.stringify(upload);
    const batch = checked(stream, text, imported.source);
    const { digest } = await encodeBody(stream, batch);
    entries.push({
      stream: stream.name,
      batch_id: batch.batch_id,
      digest,
      source: imported.source,
      rows: batch.rows.length,
      bytes: Buffer.byteLength(text),
      body: await compress(text),
    });
  }
  return entries;
}

function checked(stream: Stream, text: string, source: string) {
  try {
    return parseBatch(stream, text);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    throw new Failure(`${source}: ${error.message}`, EXIT.wrongInput);
  }
}
