import { MAX_UPLOAD_BYTES } from "../limits.ts";
import { Problem } from "../problem.ts";

/** Bytes of the uploads that this isolate is working on. A number for all requests: they share its memory. */
let held = 0;

/** What an upload counts for at the least, and what one whose length is not declared counts for at first. */
const LEAST_BYTES = 4 * 1024;
const UNKNOWN_BYTES = 64 * 1024;
/** What gzip makes of JSON, about. */
const GZIP_RATIO = 8;

/**
 * Says that so many bytes of the upload are there by now, decompressed.
 * @throws Problem `unavailable` where they do not fit beside the uploads that are held.
 */
export type Grow = (bytes: number) => void;

/**
 * Works on an upload, unless this isolate has its memory's worth of them already: what cannot
 * be held is refused before it is read, so that overload costs next to nothing and those that
 * were let in stay fast. One that turns out to be larger than it was taken for is refused then.
 * @param mostBytes of all uploads at once; a single one is always let in.
 * @throws Problem `unavailable` with `Retry-After`; else whatever the work throws.
 */
export async function holdUpload<Result>(
  request: Request,
  mostBytes: number,
  work: (grow: Grow) => Promise<Result>,
): Promise<Result> {
  let own = 0;
  const grow = (bytes: number) => {
    if (bytes <= own) return;
    const others = held - own;
    if (others > 0 && others + bytes > mostBytes) throw tooMany();
    held = others + bytes;
    own = bytes;
  };
  grow(expectedBytes(request));
  try {
    return await work(grow);
  } finally {
    held -= own;
  }
}

function tooMany(): Problem {
  return new Problem("unavailable", "Too many uploads at once. Post it again later.", {
    headers: { "Retry-After": "2" },
  });
}

function expectedBytes({ headers }: Request): number {
  const length = Number(headers.get("Content-Length") ?? UNKNOWN_BYTES);
  const gzipped = /gzip/i.test(headers.get("Content-Encoding") ?? "");
  const plain = gzipped ? Math.min(length * GZIP_RATIO, MAX_UPLOAD_BYTES) : length;
  return Math.max(LEAST_BYTES, Number.isFinite(plain) ? plain : UNKNOWN_BYTES);
}
