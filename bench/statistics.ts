/** The value below which the share of the sorted values lies; NaN where there are none. */
export function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** The median; of an even number, the mean of the middle two. */
export function median(values: readonly number[]): number {
  const sorted = values.filter((value) => Number.isFinite(value)).toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const upper = sorted[Math.floor(middle)] ?? Number.NaN;
  return Number.isInteger(middle) ? ((sorted[middle - 1] ?? Number.NaN) + upper) / 2 : upper;
}

/** The least and the greatest. */
export function spread(values: readonly number[]): [least: number, greatest: number] {
  const finite = values.filter((value) => Number.isFinite(value));
  return [Math.min(...finite), Math.max(...finite)];
}

/** Each round's value divided by the other's of the same round, so that what slows a whole round cancels out. */
export function ratios(values: readonly number[], others: readonly number[]): number[] {
  return values.map((value, round) => value / (others[round] ?? Number.NaN));
}

/** The items, each round beginning with another, so that none is always first. */
export function rotated<Item>(items: readonly Item[], round: number): Item[] {
  const first = (round - 1) % items.length;
  return [...items.slice(first), ...items.slice(0, first)];
}
