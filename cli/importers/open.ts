import { ImportError } from "./import-error.ts";
import type { ReportSource } from "./index.ts";

/** What a source holds, or why it holds no report. */
interface Opened {
  kind: string;
  chunks: AsyncIterable<string>;
}

/** Characters that tell a report's kind; a byte order mark and white space may come before. */
const LOOK = 4_096;
/** White space after which no report comes any more. */
const MOST_BLANK = 1_000_000;

/**
 * Opens a source and looks at how it begins.
 * @returns `xml`, `json`, or as the kind what is wrong with it; and its text, from the start.
 * @throws ImportError where it cannot be read or is not UTF-8.
 */
export async function open(source: ReportSource): Promise<Opened> {
  const texts = textsOf(source);
  let head = "";
  let rest = await texts.next();
  while (!rest.done) {
    head += rest.value;
    if (head.length >= MOST_BLANK || (head.length >= LOOK && head.trim() !== "")) break;
    rest = await texts.next();
  }
  return { kind: kindOf(head), chunks: joined(head, texts) };
}

function kindOf(head: string): string {
  const start = head.replace(/^\uFEFF/, "").trimStart();
  if (start === "" && head.length >= MOST_BLANK) return "this is nothing but white space";
  if (start === "") return "the file is empty";
  if (start.includes("\0")) return "this is no text, but binary data";
  if (start.startsWith("<")) return "xml";
  if (start.startsWith("{") || start.startsWith("[")) return "json";
  return "this is neither JUnit XML nor JSON (CTRF, or Millrace's own)";
}

async function* textsOf(source: ReportSource): AsyncGenerator<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
  try {
    for await (const chunk of source.open()) {
      yield decoder.decode(typeof chunk === "string" ? Buffer.from(chunk) : chunk, {
        stream: true,
      });
    }
    yield decoder.decode();
  } catch (error) {
    if (error instanceof TypeError)
      throw new ImportError(source.name, undefined, "this is not UTF-8 text");
    throw error;
  }
}

async function* joined(head: string, rest: AsyncIterable<string>): AsyncGenerator<string> {
  yield head;
  yield* rest;
}
