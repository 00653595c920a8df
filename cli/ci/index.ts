import { shortHash } from "../short-hash.ts";
import { hostname } from "node:os";
import { basename } from "node:path";
import { PROVIDERS, short, type Told } from "./providers.ts";

/** A job's minutes, as an upload has them. Empty unless given: a clock would make each posting another batch. */
export interface Minutes {
  macos_minutes?: number;
  linux_minutes?: number;
}

/** Where a job runs, as its environment tells. */
export interface CiContext {
  provider: string;
  /** The same in the same attempt of the same job, and in no other: posting again needs no memory. */
  batchId: string;
  /** Where the provider puts the repository. */
  workspace?: string;
  cancelled: boolean;
  minutes: Minutes;
  startedAt?: string;
}

/** Characters of a default `batch_id`: the file's name and the number of a part still come after it. */
const LONGEST_ID = 160;

/**
 * Reads where the job runs from its environment. `MILLRACE_JOB_KEY`, `MILLRACE_CANCELLED`,
 * `MILLRACE_MACOS_MINUTES` and `MILLRACE_LINUX_MINUTES` add what no provider tells a job.
 */
export function detectCi(environment: NodeJS.ProcessEnv): CiContext {
  const provider = PROVIDERS.find(({ detect }) => environment[detect]);
  const told: Told = provider ? provider.read(environment) : shell();
  const { repository, run, attempt, job, workspace, startedAt } = told;
  const key = told.jobIsUnique ? undefined : short(environment["MILLRACE_JOB_KEY"]);
  const parts = [repository, run, attempt, job, key].filter(
    (part) => part !== undefined && part !== "",
  );
  return {
    provider: provider?.name ?? "shell",
    ...(workspace && { workspace }),
    ...(startedAt && { startedAt }),
    batchId: idOf([provider?.name ?? "shell", ...parts].join(":")),
    cancelled: told.cancelled === true || environment["MILLRACE_CANCELLED"] === "true",
    minutes: minutesOf(environment),
  };
}

/** A shell names no run: the file's own time, which the caller adds, tells its postings apart. */
function shell(): Told {
  return { repository: basename(process.cwd()), run: hostname() };
}

/**
 * A slash becomes a plus, which no repository's name has. Other characters that an id cannot
 * have become dashes, and a hash keeps apart what that made alike.
 */
function idOf(text: string): string {
  const slashless = text.replaceAll("/", "+");
  const clean = slashless.replaceAll(/[^A-Za-z0-9._:@+-]+/g, "-");
  if (clean === slashless && clean.length <= LONGEST_ID) return clean;
  const hash = shortHash(text, 12);
  return `${clean.slice(0, LONGEST_ID - 13)}-${hash}`;
}

function minutesOf(environment: NodeJS.ProcessEnv): Minutes {
  const read = (name: string) => {
    const minutes = Number.parseFloat(environment[name] ?? "");
    return Number.isFinite(minutes) && minutes >= 0 ? minutes : undefined;
  };
  const macos_minutes = read("MILLRACE_MACOS_MINUTES");
  const linux_minutes = read("MILLRACE_LINUX_MINUTES");
  return {
    ...(macos_minutes !== undefined && { macos_minutes }),
    ...(linux_minutes !== undefined && { linux_minutes }),
  };
}
