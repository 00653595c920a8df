import { Problem } from "../problem.ts";

/** Bytes of the uploads that this isolate is working on. A number for all requests: they share its memory. */
let held = 0;

/** What an upload whose length is not declared counts for, and the least that any counts for. */
const UNKNOWN_BYTES = 64 * 1024;
const LEAST_BYTES = 4 * 1024;
/** What gzip makes of JSON, about. */
const GZIP_RATIO = 8;

/**
 * Works on an upload, unless this isolate has its memory's worth of them already: what cannot
 * be held is refused before it is read, so that overload costs next to nothing and those that
 * were let in stay fast.
 * @param mostBytes of all uploads at once; a single one is always let in.
 * @throws Problem `unavailable` with `Retry-After`; else whatever the work throws.
 */
export async function holdUpload<Result>(
  request: Request,
  mostBytes: number,
  work: () => Promise<Result>,
): Promise<Result> {
  const bytes = bytesOf(request);
  if (held > 0 && held + bytes > mostBytes) {
    throw new Problem("unavailable", "Too many uploads at once. Post it again later.", {
      headers: { "Retry-After": "2" },
    });
  }
  held += bytes;
  try {
    return await work();
  } finally {
    held -= bytes;
  }
}

function bytesOf({ headers }: Request): number {
  const length = Number(headers.get("Content-Length") ?? UNKNOWN_BYTES);
  const plain = headers.has("Content-Encoding") ? length * GZIP_RATIO : length;
  return Math.max(LEAST_BYTES, Number.isFinite(plain) ? plain : UNKNOWN_BYTES);
}
