import * as v from "valibot";
import { detectCi } from "./ci/index.ts";
import { suffixed } from "./delivery/split.ts";
import { EXIT } from "./exit-codes.ts";
import { Failure } from "./failure.ts";
import {
  type ImportDefaults,
  type ImportedUpload,
  ImportError,
  importReport,
} from "./importers/index.ts";
import { common } from "./settings.ts";
import type { Source } from "./sources.ts";

/** Options of the commands that read reports. */
export const importing = {
  ...common,
  batchId: v.optional(v.string()),
  ecosystem: v.optional(v.string()),
  startedAt: v.optional(v.string()),
};

type Importing = v.InferOutput<v.ObjectSchema<typeof importing, undefined>>;

/**
 * The uploads a file holds, as its reader finds them.
 * @param single whether it is the command's only file.
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
 * What a report does not say itself. Nothing here depends on when the command runs, as far
 * as that can be had: posting a file again must make the same batch.
 */
function defaultsOf(source: Source, options: Importing, single: boolean): ImportDefaults {
  const ci = detectCi(process.env);
  const file = source.name === "-" ? "stdin" : source.name;
  const slug = file.replaceAll(/[^A-Za-z0-9._-]+/g, "-").replaceAll(/^[.-]+|-+$/g, "");
  // One job may upload in several steps: without the file's name their batches would collide.
  const own = options.batchId !== undefined && single;
  const name = options.batchId ?? ci.batchId;
  return {
    batchId: own ? name : suffixed(name, `:${slug}`),
    ecosystem: options.ecosystem ?? process.env["MILLRACE_ECOSYSTEM"] ?? "ci",
    startedAt: options.startedAt ?? ci.startedAt ?? new Date(source.modified).toISOString(),
    minutes: ci.minutes,
    cancelled: ci.cancelled,
  };
}
