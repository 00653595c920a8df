import { CommanderError } from "commander";
import { EXIT } from "./exit-codes.ts";
import { Failure, reasonOf } from "./failure.ts";
import { requireSqlite } from "./node-version.ts";
import { Output } from "./output.ts";
import { createProgram } from "./program.ts";
import { quietSqlite } from "./quiet-sqlite.ts";

quietSqlite();
const exitCode = await run();
// An open standard input or a kept-alive connection would hold up the build: what is said is
// said, and what is kept is kept.
process.stdout.write("", () => process.exit(exitCode));

async function run(): Promise<number> {
  let code: number = EXIT.done;
  try {
    requireSqlite();
    await createProgram((ended) => (code = ended)).parseAsync();
    return code;
  } catch (error) {
    // Commander has said it already: help and version with 0, a wrong command line with more.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.wrongInput;
    new Output(false).error(reasonOf(error));
    return error instanceof Failure ? error.exitCode : EXIT.failed;
  }
}
