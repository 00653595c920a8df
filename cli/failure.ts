/** A failure the user is told about in one line, without a stack; `exitCode` is the process's. */
export class Failure extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number) {
    super(message);
    this.name = "Failure";
    this.exitCode = exitCode;
  }
}

/** The text of whatever was thrown, with the cause that `fetch` hides beneath "fetch failed". */
export function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const cause = thrown.cause instanceof Error ? thrown.cause : undefined;
  if (!cause) return thrown.message || thrown.name;
  const code = "code" in cause ? String(cause.code) : "";
  return `${thrown.message}: ${cause.message || code}`;
}
