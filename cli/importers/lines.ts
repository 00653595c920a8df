import { ImportError } from "./import-error.ts";

/** Characters of one line: far above any upload that the service takes. */
const MOST_LINE = 64 * 1024 * 1024;

/** The lines of a text, with their numbers from 1. @throws ImportError where one is too long. */
export async function* linesOf(
  file: string,
  chunks: AsyncIterable<string>,
): AsyncGenerator<{ number: number; text: string }> {
  let number = 1;
  let parts: string[] = [];
  let length = 0;
  for await (const chunk of chunks) {
    const [first = "", ...more] = chunk.split("\n");
    parts.push(first);
    length += first.length;
    if (length > MOST_LINE)
      throw new ImportError(file, number, `the line is over ${MOST_LINE} characters`);
    for (const text of more) {
      yield { number, text: parts.join("") };
      number += 1;
      parts = [text];
      length = text.length;
    }
  }
  if (length > 0) yield { number, text: parts.join("") };
}
