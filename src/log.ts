/** Scalars on purpose: no body and no header can slip in. */
export type LogFields = Record<string, string | number | boolean | null | undefined>;

/**
 * Writes one JSON line.
 * @param event what happened, like `batch.accepted`.
 */
export function log(event: string, fields: LogFields = {}): void {
  console.log(JSON.stringify({ event, ...fields }));
}

/** Like `log`, for what an operator must look at. */
export function logError(event: string, fields: LogFields = {}): void {
  console.error(JSON.stringify({ level: "error", event, ...fields }));
}

/** The text of whatever was thrown. */
export function reasonOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
