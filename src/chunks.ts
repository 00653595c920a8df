/**
 * The items in their order, in chunks of at most so much: one that is more by itself has a
 * chunk of its own. No items, no chunks.
 */
export function chunksOf<Item>(
  items: readonly Item[],
  sizeOf: (item: Item) => number,
  max: number,
): Item[][] {
  const chunks: Item[][] = [];
  let room = 0;
  for (const item of items) {
    const size = sizeOf(item);
    const chunk = chunks.at(-1);
    if (chunk && size <= room) chunk.push(item);
    else {
      chunks.push([item]);
      room = max;
    }
    room -= size;
  }
  return chunks;
}

const encoder = new TextEncoder();

/** The elements, JSON texts, as JSON arrays of at most so many bytes of UTF-8 each. */
export function jsonArraysOf(elements: readonly string[], maxBytes: number): string[] {
  const characters = elements.reduce((sum, element) => sum + element.length + 1, 0);
  // A character is at most three bytes: what fits in any case is not encoded to be measured.
  if (elements.length > 0 && characters * 3 <= maxBytes) return [`[${elements.join(",")}]`];
  // Two brackets, and a comma less than elements.
  const chunks = chunksOf(elements, sizeWithComma, maxBytes - 1);
  return chunks.map((chunk) => `[${chunk.join(",")}]`);
}

function sizeWithComma(element: string): number {
  return encoder.encode(element).length + 1;
}
