import * as v from "valibot";
import { EXIT } from "../exit-codes.ts";
import { importing, readUploads } from "../importing.ts";
import { Output } from "../output.ts";
import { parseOptions } from "../settings.ts";
import { findSources, type Source } from "../sources.ts";

const Options = v.object(importing);

interface Verdict {
  file: string;
  valid: boolean;
  uploads: number;
  rows: number;
  errors: string[];
}

/** `millrace validate`: checks files with the service's own schema. It needs no network. */
export async function validate(names: string[], given: unknown): Promise<number> {
  const options = parseOptions(Options, given);
  const output = new Output(options.json);
  const { found, single, missing } = await findSources(names);
  const verdicts: Verdict[] = missing.map(({ name: file, reason }) => {
    const errors = [`${file}: ${reason}`];
    return { file, valid: false, uploads: 0, rows: 0, errors };
  });
  for (const source of found) {
    verdicts.push(await judge(source, options, single));
  }
  for (const { errors } of verdicts) for (const error of errors) output.error(error);
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
  const verdict: Verdict = { file: source.name, valid: true, uploads: 0, rows: 0, errors: [] };
  for await (const entries of readUploads(source, options, single, verdict.errors)) {
    verdict.uploads += entries.length;
    for (const { rows } of entries) verdict.rows += rows;
  }
  return { ...verdict, valid: verdict.errors.length === 0 };
}
