import { counted } from "./page.ts";

/** What each upload carries, and how many callers post at a time. */
export interface Setting {
  results: number;
  connections: number;
}

/** The setting that the bar is about. */
export const BAR: Setting = { results: 100, connections: 16 };

/** The bar's number of results with other numbers of callers, and the other way round. */
export const OTHERS: readonly Setting[] = [
  { results: 100, connections: 1 },
  { results: 100, connections: 64 },
  { results: 1, connections: 16 },
  { results: 1_000, connections: 16 },
  { results: 10_000, connections: 16 },
];

/** "100 results, 16 connections". */
export function described({ results, connections }: Setting): string {
  return `${counted(results, "result")}, ${counted(connections, "connection")}`;
}
