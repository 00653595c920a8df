/** How a file begins in an encoding: with a byte order mark, or in UTF-16 with "<". */
const MARKS = [
  { mark: [0xef, 0xbb, 0xbf], encoding: "utf-8" },
  { mark: [0xff, 0xfe], encoding: "utf-16le" },
  { mark: [0xfe, 0xff], encoding: "utf-16be" },
  { mark: [0x3c, 0x00], encoding: "utf-16le" },
  { mark: [0x00, 0x3c], encoding: "utf-16be" },
];

/** The declaration of an XML file, with the encoding it names. */
const DECLARATION = /^\s*<\?xml\s[^>]*?encoding\s*=\s*["'](?<encoding>[\w.:-]+)["']/;

/** The encoding of a text that begins with these bytes: by its mark, or as XML declares it. */
export function encodingOf(head: Buffer): string {
  const marked = MARKS.find(({ mark }) => mark.every((byte, index) => head[index] === byte));
  if (marked) return marked.encoding;
  const declared = DECLARATION.exec(head.toString("latin1"))?.groups?.["encoding"] ?? "utf-8";
  // Whoever could read the declaration as ASCII does not read UTF-16.
  return /^utf-?16/i.test(declared) || !isKnown(declared) ? "utf-8" : declared;
}

function isKnown(encoding: string): boolean {
  try {
    return new TextDecoder(encoding).encoding !== "";
  } catch {
    return false;
  }
}
