import { Command } from "commander";
import { convert } from "./commands/convert.ts";
import { deadDrop, deadReplay } from "./commands/dead-act.ts";
import { deadList, deadShow } from "./commands/dead.ts";
import { doctor } from "./commands/doctor.ts";
import { flush } from "./commands/flush.ts";
import { spoolDrop, spoolList, spoolShow } from "./commands/spool.ts";
import { status } from "./commands/status.ts";
import { tokenNew } from "./commands/token.ts";
import { upload } from "./commands/upload.ts";
import { validate } from "./commands/validate.ts";
import { VERSION } from "./delivery/connection.ts";
import { EXIT } from "./exit-codes.ts";

/** Commands without arguments, with one, and with several; each returns the process's exit code. */
type Act = (options: unknown) => Promise<number>;
type ActOn = (name: string, options: unknown) => Promise<number>;
type ActOnAll = (names: string[], options: unknown) => Promise<number>;

/**
 * The command line.
 * @param end is told the exit code of the command that ran.
 */
export function createProgram(end: (exitCode: number) => void): Command {
  const program = new Command("millrace")
    .description(
      "Uploads CI results to Millrace: it retries and spools, so that a service that is away never breaks a build.",
    )
    .version(VERSION)
    .exitOverride()
    .showHelpAfterError("(millrace help shows the commands)");

  const act = (run: Act) => async (options: unknown) => end(await run(options));
  const actOn = (run: ActOn) => async (name: string, options: unknown) =>
    end(await run(name, options));
  const actOnAll = (run: ActOnAll) => async (names: string[], options: unknown) =>
    end(await run(names, options));

  sending(importing(add(program, "upload <files...>", "upload reports; what fails is spooled")))
    .option("--fail-on-error", `end with ${EXIT.failed} where something was not delivered`)
    .action(actOnAll(upload));
  importing(add(program, "convert <files...>", "print what would be sent")).action(
    actOnAll(convert),
  );
  importing(
    add(program, "validate <files...>", "check files offline, as the service would"),
  ).action(actOnAll(validate));
  sending(add(program, "flush", "send what the spool keeps"))
    .option("--refused", "also what the service refused")
    .option("--from <address...>", "also what was meant for this address, such as a wrong one")
    .option("--telemetry <file...>", "also new rows of telemetry stores (MILLRACE_TELEMETRY)")
    .action(act(flush));
  remote(add(program, "status <batch>", "how a batch stands"))
    .option("--stream <name>", "its stream (batch-metrics)")
    .action(actOn(status));
  remote(add(program, "doctor", "check address, token, scopes, clock, version, spool")).action(
    act(doctor),
  );

  const spool = program.command("spool").description("what could not be delivered");
  add(spool, "list", "list it").action(act(spoolList));
  add(spool, "show <id>", "print an upload").action(actOn(spoolShow));
  add(spool, "drop [ids...]", "delete uploads for good")
    .option("--all", "all of them")
    .action(actOnAll(spoolDrop));

  const dead = program.command("dead").description("batches the service could not write (admin)");
  selecting(add(dead, "list", "list them"))
    .option("--limit <count>", "at most so many (50)")
    .action(act(deadList));
  remote(add(dead, "show <batch>", "print one, with its batch"))
    .option("--stream <name>", "its stream (any)")
    .action(actOn(deadShow));
  acting(add(dead, "replay [batches...]", "bring them back")).action(actOnAll(deadReplay));
  acting(add(dead, "drop [batches...]", "delete them for good")).action(actOnAll(deadDrop));

  add(program.command("token").description("tokens of the service"), "new", "make a token")
    .option("--name <name>", "its name in the service's log (ci)")
    .option("--scopes <scopes>", "of ingest,read,admin (ingest)")
    .action(act(tokenNew));
  return program;
}

function add(parent: Command, usage: string, description: string): Command {
  return parent
    .command(usage)
    .description(description)
    .option("--json", "print one JSON document")
    .option("--spool <file>", "the spool's file (MILLRACE_SPOOL)");
}

function remote(command: Command): Command {
  return command
    .option("--url <address>", "the service (MILLRACE_URL)")
    .option("--token <token>", "better given as MILLRACE_TOKEN");
}

function importing(command: Command): Command {
  return command
    .option("--batch-id <id>", "instead of one of repository, run, attempt and job")
    .option("--ecosystem <name>", "of reports that name none (MILLRACE_ECOSYSTEM, ci)")
    .option("--platform <name>", "of the tests in JUnit XML and CTRF (MILLRACE_PLATFORM)")
    .option("--started-at <time>", "of reports that name none, ISO 8601")
    .option("--failures-only", "of JUnit XML and CTRF, and only count what else there was");
}

function sending(command: Command): Command {
  return remote(command)
    .option("--wait", "until the batches are written")
    .option("--deadline <seconds>", "after the input is read (60)")
    .option("--concurrency <count>", "uploads at once (8)")
    .option("--rate <count>", "requests a second (50)");
}

function selecting(command: Command): Command {
  return remote(command)
    .option("--stream <name>", "of one stream")
    .option("--reason <text>", "whose reason has this text")
    .option("--since <time>", "that died since: ISO 8601, or like 2h or 7d ago")
    .option("--before <time>", "that died before");
}

function acting(command: Command): Command {
  return selecting(command)
    .option("--all", "all of them")
    .option("--yes", "without asking")
    .option("--rate <count>", "a second (20)");
}
