import * as v from "valibot";
import { prepare } from "../delivery/prepare.ts";
import { EXIT } from "../exit-codes.ts";
import { Failure } from "../failure.ts";
import { importing, importSource } from "../importing.ts";
import { Output } from "../output.ts";
import { parseOptions } from "../settings.ts";
import { findSources, type Source } from "../sources.ts";

const Options = v.object(importing);

interface Verdict {
  file: string;
  valid: boolean;
  uploads: number;
  rows: number;
  error?: string;
}

/** `millrace validate`: checks files with the service's own schema. It needs no network. */
export async function validate(names: string[], given: unknown): Promise<number> {
  const options = parseOptions(Options, given);
  const output = new Output(options.json);
  const { found, missing } = await findSources(names);
  const verdicts: Verdict[] = missing.map((file) => {
    const error = `${file}: there is no such file`;
    return { file, valid: false, uploads: 0, rows: 0, error };
  });
  for (const source of found) {
    verdicts.push(await judge(source, options, found.length === 1));
  }
  for (const { error } of verdicts) if (error) output.error(error);
  const lines = verdicts
    .filter(({ valid }) => valid)
    .map(({ file, uploads, rows }) => `${file}: valid (uploads: ${uploads}, rows: ${rows})`);
  output.result(verdicts, lines);
  return verdicts.every(({ valid }) => valid) ? EXIT.done : EXIT.wrongInput;
}

async function judge(
  source: Source,
  options: v.InferOutput<typeof Options>,
  single: boolean,
): Promise<Verdict> {
  const verdict: Verdict = { file: source.name, valid: true, uploads: 0, rows: 0 };
  try {
    for await (const imported of importSource(source, options, single)) {
      for await (const entry of prepare(imported)) {
        verdict.uploads += 1;
        verdict.rows += entry.rows;
      }
    }
    return verdict;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { ...verdict, valid: false, error: error.message };
  }
}
