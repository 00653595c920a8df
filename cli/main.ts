import { CommanderError } from "commander";
import { EXIT } from "./exit-codes.ts";
import { Failure, reasonOf } from "./failure.ts";
import { Output } from "./output.ts";
import { createProgram } from "./program.ts";
import { quietSqlite } from "./quiet-sqlite.ts";

quietSqlite();
process.exitCode = await run();
// A reader of standard input, or a kept-alive connection, must not hold up the build.
if (process.stdin.readableFlowing) process.stdin.destroy();

async function run(): Promise<number> {
  let exitCode: number = EXIT.done;
  try {
    await createProgram((code) => (exitCode = code)).parseAsync();
    return exitCode;
  } catch (error) {
    // Commander has said it already: help and version with 0, a wrong command line with more.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.wrongInput;
    new Output(false).error(reasonOf(error));
    return error instanceof Failure ? error.exitCode : EXIT.failed;
  }
}
