import { waitUntil } from "cloudflare:workers";
import { LONGEST_UPLOAD_MS, MAX_UPLOAD_BYTES } from "../limits.ts";
import { unavailable } from "../problem.ts";

interface Hold {
  bytes: number;
  /** In milliseconds since 1970. */
  began: number;
}

/** The uploads that this isolate is working on, oldest first. For all requests together: they share its memory. */
const holds = new Set<Hold>();
let heldBytes = 0;

/** What an upload counts for at the least, and what one whose length is not declared counts for at first. */
const MIN_BYTES = 4 * 1024;
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
 *
 * The work goes on when the client goes away: a request that ends with it would never come to
 * let go of its bytes.
 * @param maxBytes of all uploads at once; a single one is always let in.
 * @throws Problem `unavailable` with `Retry-After`; else whatever the work throws.
 */
export function holdUpload<Result>(
  request: Request,
  maxBytes: number,
  work: (grow: Grow) => Promise<Result>,
): Promise<Result> {
  const working = holdWhile(expectedBytes(request), maxBytes, work);
  waitUntil(working.catch(() => {}));
  return working;
}

async function holdWhile<Result>(
  expected: number,
  maxBytes: number,
  work: (grow: Grow) => Promise<Result>,
): Promise<Result> {
  const hold: Hold = { bytes: 0, began: Date.now() };
  const grow = (bytes: number) => {
    const more = bytes - hold.bytes;
    if (more <= 0) return;
    if (heldBytes + more > maxBytes) letGoOfTheLost();
    const others = heldBytes > hold.bytes;
    if (!holds.has(hold) || (others && heldBytes + more > maxBytes)) {
      throw unavailable("Too many uploads at once. Post it again later.", 2);
    }
    heldBytes += more;
    hold.bytes = bytes;
  };
  holds.add(hold);
  try {
    grow(expected);
    return await work(grow);
  } finally {
    letGo(hold);
  }
}

function letGo(hold: Hold): void {
  if (holds.delete(hold)) heldBytes -= hold.bytes;
}

/** What the platform broke off never ends, and its bytes are free. What is only slow may grow no more. */
function letGoOfTheLost(): void {
  const lost = Date.now() - LONGEST_UPLOAD_MS;
  for (const hold of holds) {
    if (hold.began > lost) break;
    letGo(hold);
  }
}

function expectedBytes({ headers }: Request): number {
  const length = Number(headers.get("Content-Length") ?? UNKNOWN_BYTES);
  const gzipped = /gzip/i.test(headers.get("Content-Encoding") ?? "");
  const plain = gzipped ? length * GZIP_RATIO : length;
  // What is longer is refused when it is read.
  const bytes = Math.min(MAX_UPLOAD_BYTES, Number.isFinite(plain) ? plain : UNKNOWN_BYTES);
  return Math.max(MIN_BYTES, bytes);
}
