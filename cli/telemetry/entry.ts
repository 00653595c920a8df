/** What the store tells its user; `console` and pino both fit. */
export interface TelemetryLogger {
  debug?(message: string): void;
  info?(message: string): void;
  warn?(message: string): void;
  error?(message: string): void;
}

/** One automated review: what it looked at, what it cost, how it ended. */
export interface TelemetryEntry {
  deliveryId?: string | null | undefined;
  /** Like `owner/name`. */
  repo: string;
  prNumber?: number | null | undefined;
  eventType: string;
  /** `anthropic` where absent. */
  provider?: string | undefined;
  model: string;
  /** Counters are 0 where absent. */
  inputTokens?: number | undefined;
  outputTokens?: number | undefined;
  cacheReadTokens?: number | undefined;
  cacheCreationTokens?: number | undefined;
  /** Milliseconds. */
  durationMs?: number | undefined;
  /** US dollars. */
  costUsd?: number | undefined;
  conclusion: string;
  sessionId?: string | null | undefined;
  numTurns?: number | null | undefined;
  stopReason?: string | null | undefined;
}

/** Keeps automated reviews on this machine, until `millrace flush` uploads them. */
export interface TelemetryStore {
  /**
   * Keeps an entry. Durable against the death of the process when it returns.
   * @throws TypeError naming the fields the service would refuse.
   */
  record(entry: TelemetryEntry): void;
  /**
   * Deletes rows recorded more than so many days ago, uploaded or not, but for those that an
   * upload is being made of right now.
   * @returns the number of rows deleted.
   */
  purgeOlderThan(days: number): number;
  /** Moves what can be moved from the write-ahead log into the file, without waiting for readers. */
  checkpoint(): void;
  /** Ends the use of the file. Safe to repeat. */
  close(): void;
}

export interface TelemetryOptions {
  /** The SQLite file; it and its directory are created. */
  dbPath: string;
  logger?: TelemetryLogger | undefined;
}

/**
 * Opens the store of automated reviews in a SQLite file, which several processes may use.
 * @throws Error where the file cannot be made, or is no database.
 */
export type CreateTelemetryStore = (options: TelemetryOptions) => TelemetryStore;
