import { constants } from "node:os";
import { Failure } from "./failure.ts";

/** The user's, or the CI system's, wish to stop. */
export interface Interrupt {
  /** Aborts on the first SIGINT or SIGTERM, with a failure that has the exit code. */
  signal: AbortSignal;
  /** What a process ends with that a signal ended (130 or 143), or undefined. */
  exitCode(): number | undefined;
}

/** Turns the first signal into an abort, so that the command can end in order; a second one kills. */
export function onInterrupt(): Interrupt {
  const controller = new AbortController();
  let code: number | undefined;
  for (const name of ["SIGINT", "SIGTERM"] as const) {
    process.on(name, () => {
      if (code !== undefined) process.exit(code);
      code = 128 + constants.signals[name];
      controller.abort(new Failure(`interrupted by ${name}`, code));
    });
  }
  return { signal: controller.signal, exitCode: () => code };
}
