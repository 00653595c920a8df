import * as v from "valibot";
import { slugOf, suffixed } from "./batch-id.ts";
import { type CiContext, detectCi } from "./ci/index.ts";
import { prepare } from "./delivery/prepare.ts";
import { EXIT } from "./exit-codes.ts";
import { Failure, reasonOf } from "./failure.ts";
import {
  type ImportDefaults,
  type ImportedUpload,
  ImportError,
  importReport,
} from "./importers/index.ts";
import { nameOf } from "./importers/text.ts";
import { common, variable } from "./settings.ts";
import type { Source } from "./sources.ts";
import type { NewEntry } from "./spool/entry.ts";

/** Options of the commands that read reports. */
export const importing = {
  ...common,
  batchId: v.optional(v.string()),
  ecosystem: v.optional(v.string()),
  platform: v.optional(v.string()),
  startedAt: v.optional(v.string()),
  failuresOnly: v.optional(v.boolean()),
};

type Importing = v.InferOutput<v.ObjectSchema<typeof importing, undefined>>;

/**
 * The uploads a file holds, as its reader finds them.
 * @param single whether the command names it, and nothing else.
 * @throws Failure naming the file, and the line where it is known.
 */
export async function* importSource(
  source: Source,
  options: Importing,
  single: boolean,
): AsyncGenerator<ImportedUpload> {
  try {
    yield* importReport(source, defaultsOf(source, options, single));
  } catch (error) {
    if (error instanceof ImportError) throw new Failure(error.message, EXIT.wrongInput);
    if (error instanceof Error && "syscall" in error) {
      throw new Failure(`${source.name}: ${error.message}`, EXIT.wrongInput);
    }
    throw error;
  }
}

/**
 * The uploads of a file, validated and ready to be sent, each with its parts. What is wrong
 * is added to `faults`, a line each, and the rest of the file goes on where it can.
 */
export async function* readUploads(
  source: Source,
  options: Importing,
  single: boolean,
  faults: string[],
): AsyncGenerator<NewEntry[]> {
  try {
    for await (const imported of importSource(source, options, single)) {
      const entries = await prepare(imported).catch((error: unknown) => {
        faults.push(faultOf(source, error));
      });
      if (entries) yield entries;
    }
  } catch (error) {
    faults.push(faultOf(source, error));
  }
}

function faultOf(source: Source, error: unknown): string {
  return error instanceof Failure ? error.message : `${source.name}: ${reasonOf(error)}`;
}

/**
 * What a report does not say itself. Nothing here depends on when the command runs, as far
 * as that can be had: posting a file again must make the same batch.
 */
function defaultsOf(source: Source, options: Importing, single: boolean): ImportDefaults {
  const ci = detectCi(process.env);
  const slug = source.name === "-" ? "stdin" : slugOf(source.name, ci.workspace);
  // One job may upload in several steps: without the file's name their batches would collide.
  const own = options.batchId !== undefined && single;
  const name = options.batchId ?? ci.batchId;
  const platform = options.platform ?? variable("MILLRACE_PLATFORM");
  return {
    batchId: own ? name : suffixed(name, `:${slug}${runOf(ci, source, options)}`),
    ecosystem: nameOf(options.ecosystem ?? variable("MILLRACE_ECOSYSTEM") ?? "ci"),
    ...(platform && { platform: nameOf(platform) }),
    startedAt: options.startedAt ?? ci.startedAt ?? new Date(source.modified).toISOString(),
    minutes: source.first ? ci.minutes : {},
    failuresOnly: options.failuresOnly === true,
    cancelled: ci.cancelled,
  };
}

/**
 * A plain shell names no run, so the file's own time tells two runs apart; the same file
 * posted again still makes the same batch.
 */
function runOf(ci: CiContext, source: Source, { batchId }: Importing): string {
  if (ci.provider !== "shell" || batchId !== undefined) return "";
  return `:${new Date(source.modified).toISOString().replaceAll(/[^0-9TZ]/g, "")}`;
}
