/** What the process says when it ends. Documented in docs/client.md; scripts rely on it. */
export const EXIT = {
  /** Done; for `upload` also: kept in the spool, with a warning. */
  done: 0,
  /** Something was not delivered, was refused, or is not in order. */
  failed: 1,
  /** The command line or an input file is wrong. */
  wrongInput: 2,
  /** `status`: the batch is still on its way. */
  pending: 3,
} as const;
