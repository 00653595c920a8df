import { ImportError } from "./import-error.ts";

/** Characters of one JSON value, be it on one line or on several: half of what V8 takes as one text. */
export const MOST_TEXT = 256 * 1024 * 1024;

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
    if (length > MOST_TEXT)
      throw new ImportError(
        file,
        number,
        `the line is over ${MOST_TEXT} characters: split the report`,
      );
    for (const text of more) {
      yield { number, text: parts.join("") };
      number += 1;
      parts = [text];
      length = text.length;
    }
  }
  if (length > 0) yield { number, text: parts.join("") };
}
