import { reasonOf } from "../log.ts";
import { Problem } from "../problem.ts";

const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });

/**
 * The text of a body of JSON, read and decompressed no further than the limit.
 * @param maxBytes after decompression; a gzip bomb stops there.
 * @param onBytes is told how many bytes of a compressed body, or of one without a declared length,
 *   are there by now. Where it throws, the rest is not read.
 * @throws Problem `unsupported-media-type`, `too-large`, or `invalid-request` where the body
 *   is not the gzip or the UTF-8 it says it is.
 */
export async function readBody(
  request: Request,
  maxBytes: number,
  onBytes: (bytes: number) => void = () => {},
): Promise<string> {
  checkContentType(request.headers.get("Content-Type"));
  const gzipped = isGzip(request.headers.get("Content-Encoding"));
  const length = Number(request.headers.get("Content-Length") ?? Number.NaN);
  if (length > maxBytes) throw tooLarge(maxBytes);

  const check = (read: number) => {
    if (read > maxBytes) throw tooLarge(maxBytes);
    onBytes(read);
  };
  const bytes = gzipped
    ? await readChecked(request.body?.pipeThrough(new DecompressionStream("gzip")), check, true)
    : await readPlain(request, length, check);
  try {
    return decoder.decode(bytes);
  } catch {
    throw new Problem("invalid-request", "The body is not valid UTF-8.");
  }
}

function checkContentType(header: string | null): void {
  // A client that names no type is believed: what it sent is judged when it is parsed.
  if (header === null) return;
  const [type = "", ...parameters] = header.toLowerCase().replaceAll(/\s/g, "").split(";");
  const charset = parameters.find((parameter) => parameter.startsWith("charset="));
  const json = /^application\/(?:[\w.+-]+\+)?json$/.test(type);
  if (json && (!charset || /^charset="?utf-?8"?$/.test(charset))) return;
  throw new Problem(
    "unsupported-media-type",
    `Content-Type must be application/json in UTF-8, but is ${JSON.stringify(header.slice(0, 100))}.`,
    { headers: { Accept: "application/json" } },
  );
}

function isGzip(header: string | null): boolean {
  const encoding = (header ?? "").trim().toLowerCase();
  if (encoding === "" || encoding === "identity") return false;
  if (encoding === "gzip" || encoding === "x-gzip") return true;
  throw new Problem(
    "unsupported-media-type",
    `Content-Encoding must be gzip or identity, but is ${JSON.stringify(encoding.slice(0, 100))}.`,
    { headers: { "Accept-Encoding": "gzip, identity" } },
  );
}

/** HTTP ends a body at its Content-Length, so one that is within the limit is read in one go. */
async function readPlain(request: Request, length: number, check: Check): Promise<Uint8Array> {
  if (Number.isNaN(length)) return readChecked(request.body, check, false);
  const buffer = await request.arrayBuffer().catch((error: unknown) => {
    throw unreadable(error, false);
  });
  check(buffer.byteLength);
  return new Uint8Array(buffer);
}

/** Throws where so many bytes are too many. */
type Check = (bytes: number) => void;

async function readChecked(
  stream: ReadableStream<Uint8Array> | null | undefined,
  check: Check,
  gzipped: boolean,
): Promise<Uint8Array> {
  if (!stream) return new Uint8Array();
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = stream.getReader();
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => {
      throw unreadable(error, gzipped);
    });
    if (done) break;
    length += value.length;
    try {
      check(length);
    } catch (error) {
      await reader.cancel().catch(() => {});
      throw error;
    }
    chunks.push(value);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}

function unreadable(error: unknown, gzipped: boolean): Problem {
  const reason = reasonOf(error);
  const why = reason.includes("incomplete data") ? "it ends too early" : reason;
  const what = gzipped ? "The body is not valid gzip" : "The body could not be read";
  return new Problem("invalid-request", `${what}: ${why}`);
}

function tooLarge(maxBytes: number): Problem {
  return new Problem(
    "too-large",
    `The body has more than ${maxBytes} bytes after decompression. Send less at once.`,
  );
}
