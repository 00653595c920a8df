import { encodingOf } from "./encoding.ts";
import { ImportError } from "./import-error.ts";
import type { ReportSource } from "./import-types.ts";

/** What a report is written in. */
type Kind = "xml" | "json";

/** A source that has been looked into. */
interface Opened {
  kind: Kind;
  chunks: AsyncIterable<string>;
}

/** Bytes that tell a report's kind; a byte order mark and white space may come before. */
const LOOK = 4_096;
/** White space after which no report comes any more. */
const MOST_BLANK = 1_000_000;

/** Of a byte order mark, of white space, and of either in UTF-16. */
const BLANK = new Set([0xef, 0xbb, 0xbf, 0xfe, 0xff, 0x00, 0x09, 0x0a, 0x0d, 0x20]);

/** White space before XML, and its declaration. */
const PROLOGUE = /^(?<blank>\s*)(?:<\?xml\s[^>]*\?>)?/;

/**
 * Opens a source and looks at how it begins.
 * @returns its kind; and its text, from the start.
 * @throws ImportError where it is no report; or, while its text is read, where it is JSON with a
 *   byte that its encoding does not have.
 */
export async function open(source: ReportSource): Promise<Opened> {
  const bytes = bytesOf(source);
  const head = await headOf(bytes);
  const encoding = encodingOf(head);
  const kind = kindOf(source.name, new TextDecoder(encoding).decode(head, { stream: true }));
  // One odd byte in what a test printed must not lose the report. JSON has no such excuse: whoever
  // writes it writes UTF-8.
  const decoder = new TextDecoder(encoding, { fatal: kind !== "xml", ignoreBOM: false });
  const texts = textsOf(source, decoder, head, bytes);
  return { kind, chunks: kind === "xml" ? withoutPrologue(texts) : texts };
}

/** The first bytes: enough of them to tell what they are. */
async function headOf(bytes: AsyncIterator<Buffer>): Promise<Buffer> {
  const head: Buffer[] = [];
  let length = 0;
  let telling = 0;
  while (telling < LOOK && length < MOST_BLANK) {
    const { done, value } = await bytes.next();
    if (done) break;
    head.push(value);
    length += value.length;
    const start = telling > 0 ? 0 : value.findIndex((byte) => !BLANK.has(byte));
    if (start >= 0) telling += value.length - start;
  }
  return Buffer.concat(head);
}

function kindOf(file: string, head: string): Kind {
  const fail = (what: string) => {
    throw new ImportError(file, 1, what);
  };
  const start = head.trimStart();
  if (start === "" && head.length >= MOST_BLANK / 2) return fail("this is nothing but white space");
  if (start === "") return fail("the file is empty");
  if (start.startsWith("<")) return "xml";
  if (start.includes("\0")) return fail("this is no text, but binary data");
  if (start.startsWith("{") || start.startsWith("[")) return "json";
  return fail("this is neither JUnit XML nor JSON (CTRF, or Millrace's own)");
}

async function* bytesOf(source: ReportSource): AsyncGenerator<Buffer> {
  for await (const chunk of source.open()) {
    yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
  }
}

async function* textsOf(
  source: ReportSource,
  decoder: TextDecoder,
  head: Buffer,
  rest: AsyncIterable<Buffer>,
): AsyncGenerator<string> {
  try {
    yield decoder.decode(head, { stream: true });
    for await (const chunk of rest) yield decoder.decode(chunk, { stream: true });
    yield decoder.decode();
  } catch (error) {
    if (error instanceof TypeError)
      throw new ImportError(
        source.name,
        undefined,
        `this is not ${decoder.encoding.toUpperCase()} text`,
      );
    throw error;
  }
}

/**
 * XML without its declaration, whose encoding is known by now, and which the parser takes only at
 * the very start. Line ends before it stay, so that faults have the right line.
 */
async function* withoutPrologue(texts: AsyncGenerator<string>): AsyncGenerator<string> {
  const { value: head = "" } = await texts.next();
  yield head.replace(PROLOGUE, (_prologue: string, blank: string) =>
    blank.replaceAll(/[^\n]/g, ""),
  );
  yield* texts;
}
