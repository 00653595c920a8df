/** Characters that XML forbids, and that terminals love: reports have them all the same. */
// eslint-disable-next-line no-control-regex
const FORBIDDEN = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]/g;

/** A character by its number, like `&#27;` or `&#x1B;`. */
const REFERENCE = /&#(?:x(?<hex>[0-9a-f]{1,8})|(?<decimal>\d{1,10}));/gi;

/** The longest that a reference can be, so that one at the end of a chunk waits for its rest. */
const LONGEST_REFERENCE = 13;

/**
 * The text with U+FFFD for what XML forbids, as a character or by its number: tools write the
 * colours of a terminal both ways, and a report is worth more than its colours.
 */
export async function* withoutForbidden(chunks: AsyncIterable<string>): AsyncGenerator<string> {
  let held = "";
  for await (const chunk of chunks) {
    const text = held + chunk;
    const start = text.lastIndexOf("&");
    const whole =
      start < 0 || text.includes(";", start) || text.length - start >= LONGEST_REFERENCE;
    const end = whole ? text.length : start;
    yield allowed(text.slice(0, end));
    held = text.slice(end);
  }
  yield allowed(held);
}

function allowed(text: string): string {
  return text
    .replaceAll(FORBIDDEN, "\uFFFD")
    .replaceAll(REFERENCE, (reference, hex?: string, decimal?: string) =>
      isAllowed(hex ? Number.parseInt(hex, 16) : Number(decimal)) ? reference : "\uFFFD",
    );
}

/** XML 1.0, section 2.2, Char. */
function isAllowed(code: number): boolean {
  return (
    code === 0x9 ||
    code === 0xa ||
    code === 0xd ||
    (code >= 0x20 && code <= 0xd7ff) ||
    (code >= 0xe000 && code <= 0xfffd) ||
    (code >= 0x10000 && code <= 0x10ffff)
  );
}
