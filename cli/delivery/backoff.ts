import { RETRY_FIRST_MS, RETRY_LONGEST_MS } from "../limits.ts";

/** Statuses after which the same request may succeed: too early, too many, or the service's fault. */
export function isPassing(status: number): boolean {
  return status === 408 || status === 425 || status === 429 || status >= 500;
}

/**
 * Milliseconds before the next attempt: at random below a ceiling that doubles ("full
 * jitter"), so that clients that failed together do not come back together. Never earlier
 * than the service asked for.
 * @param attempt how many attempts have failed.
 */
export function delayAfter(attempt: number, retryAfter_ms: number): number {
  const ceiling = Math.min(RETRY_LONGEST_MS, RETRY_FIRST_MS * 2 ** (attempt - 1));
  return retryAfter_ms + Math.random() * ceiling;
}

/** `Retry-After` in milliseconds from now: seconds or a date. 0 where absent or not understood. */
export function retryAfterOf(header: string | null, now = Date.now()): number {
  if (header === null) return 0;
  if (/^\s*\d{1,9}\s*$/.test(header)) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? 0 : Math.max(0, date - now);
}
