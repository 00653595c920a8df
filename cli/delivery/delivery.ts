/** What may become of an upload. */
export const STATES = [
  // The service has it.
  "written",
  "pending",
  "dead",
  // It is in the spool, for another attempt, or with the reason why there is none.
  "spooled",
  "refused",
  // It left the spool before its turn came: another process has sent or dropped it.
  "gone",
  // Nobody has it.
  "lost",
] as const;

/** What became of one upload. */
export interface Delivery {
  source: string;
  stream: string;
  batch_id: string;
  rows: number;
  state: (typeof STATES)[number];
  duplicate: boolean;
  reason?: string;
}
