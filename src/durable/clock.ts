/** Time, as the ledger uses it: the real one, or a simulation's. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** Calls back once after that time. @returns what cancels it. */
  after(ms: number, callback: () => void): () => void;
}

export const realClock: Clock = {
  now: () => Date.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms);
    return () => clearTimeout(timer);
  },
};
