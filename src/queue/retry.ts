import { RETRY_FIRST_SECONDS, RETRY_LONGEST_SECONDS } from "../limits.ts";

/**
 * Seconds before the next delivery: exponential, with full jitter over the upper half, so
 * that a hundred messages that failed together do not come back together.
 * @param attempts deliveries so far, from 1.
 * @param random from 0 up to 1; given by tests and simulations.
 */
export function retryDelaySeconds(attempts: number, random: () => number = Math.random): number {
  const ceiling = Math.min(RETRY_LONGEST_SECONDS, RETRY_FIRST_SECONDS * 2 ** (attempts - 1));
  return Math.ceil(ceiling / 2 + (random() * ceiling) / 2);
}
