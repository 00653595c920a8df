import * as v from "valibot";
import { uploadsOf } from "../delivery/prepare.ts";
import { EXIT } from "../exit-codes.ts";
import { Failure } from "../failure.ts";
import { importing, importSource } from "../importing.ts";
import { Output } from "../output.ts";
import { parseOptions } from "../settings.ts";
import { findSources } from "../sources.ts";

const Options = v.object(importing);

/** `millrace convert`: prints what would be sent, an upload a line, or with `--json` as an array. */
export async function convert(names: string[], given: unknown): Promise<number> {
  const options = parseOptions(Options, given);
  const output = new Output(options.json);
  const { found, single, missing } = await findSources(names);
  for (const { name, reason } of missing) output.error(`${name}: ${reason}`);
  let faults = missing.length;

  const all: object[] = [];
  for (const source of found) {
    try {
      for await (const imported of importSource(source, options, single)) {
        for (const upload of uploadsOf(imported)) {
          if (options.json) all.push({ ...imported, upload });
          else output.result(undefined, [JSON.stringify(upload)]);
        }
      }
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      output.error(error.message);
      faults += 1;
    }
  }
  if (options.json) output.result(all, []);
  return faults > 0 ? EXIT.wrongInput : EXIT.done;
}
