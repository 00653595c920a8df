import { CommanderError } from "commander";
import { EXIT } from "./exit-codes.ts";
import { Failure, reasonOf } from "./failure.ts";
import { requireSqlite } from "./node-version.ts";
import { Output } from "./output.ts";
import { createProgram } from "./program.ts";
import { quietSqlite } from "./quiet-sqlite.ts";

/** The output's two ends. Whoever reads them may go away; the upload goes on all the same. */
const ENDS = [process.stdout, process.stderr];
for (const end of ENDS) end.on("error", () => {});

quietSqlite();
const exitCode = await run();
// An open standard input or a kept-alive connection would hold up the build: what is said is
// said, and what is kept is kept.
await Promise.all(ENDS.map((end) => new Promise((resolve) => end.write("", resolve))));
process.exit(exitCode);

async function run(): Promise<number> {
  let code: number = EXIT.done;
  try {
    requireSqlite();
    await createProgram((ended) => (code = ended)).parseAsync();
    return code;
  } catch (error) {
    // Commander has said it already: help and version with 0, a wrong command line with more.
    const said = error instanceof CommanderError;
    if (said && error.exitCode === 0) return EXIT.done;
    const output = new Output(wantsJson());
    if (!said) output.error(reasonOf(error));
    output.result({ error: reasonOf(error).replace(/^error: /, "") }, []);
    if (said) return EXIT.wrongInput;
    return error instanceof Failure ? error.exitCode : EXIT.failed;
  }
}

/** Whether `--json` is among the options, of whatever command. */
function wantsJson(): boolean {
  const { argv } = process;
  const end = argv.indexOf("--");
  return (end < 0 ? argv : argv.slice(0, end)).includes("--json");
}
