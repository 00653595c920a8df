import { suffixed } from "../batch-id.ts";
import { importCtrf, isCtrf } from "./ctrf.ts";
import { ImportError, placeOf } from "./import-error.ts";
import type { ImportDefaults, ImportedUpload } from "./import-types.ts";
import { linesOf, MOST_TEXT } from "./lines.ts";
import { WrongLines } from "./wrong-lines.ts";

type JsonObject = Record<string, unknown>;

/** What a line takes in memory besides its characters, counted as characters. */
const LINE_OVERHEAD = 40;

const TOO_LARGE =
  "up to here the file is one JSON value over several lines, and too large for one. Should it be one value a line, its first line is broken";

/**
 * JSON: one value a line, each an upload of its own; or one value over several lines. The good
 * lines of a file come first; the wrong ones are named together at its end.
 * @throws ImportError with the line of the first fault.
 */
export async function* importJson(
  file: string,
  chunks: AsyncIterable<string>,
  defaults: ImportDefaults,
): AsyncGenerator<ImportedUpload> {
  const lines = linesOf(file, chunks);
  const wrong = new WrongLines(file);
  // The lines, where the first is no value by itself.
  let alone: string[] | undefined;
  let characters = 0;
  let first = true;
  // The minutes are the file's, and go with its first line, whatever that is: mending it must
  // change no other upload.
  const further = { ...defaults, minutes: {} };
  for await (const { number, text } of lines) {
    if (alone) {
      characters += text.length + LINE_OVERHEAD;
      if (characters > MOST_TEXT) throw new ImportError(file, number, TOO_LARGE);
      alone.push(text);
      continue;
    }
    if (text.trim() === "") continue;
    const value = parsed(text);
    // A value that goes on in the next line: the file is one value.
    if (first && value === undefined) {
      alone = [...Array.from({ length: number - 1 }, () => ""), text];
      characters = text.length;
    } else yield* importLine(file, number, value, first ? defaults : further, wrong);
    first = false;
  }
  if (alone) {
    const text = alone.join("\n");
    const whole = parsed(text);
    // Or it is one value a line, and the first of them is broken.
    if (whole === undefined && alone.some(isReport)) {
      for (const [index, line] of alone.entries()) {
        if (line.trim() === "") continue;
        yield* importLine(file, index + 1, parsed(line), further, wrong);
      }
    } else yield* importValue(file, undefined, whole ?? wholeOf(file, text), defaults);
  }
  wrong.end();
}

/** One value of a file that has one a line, undefined where it is none; what is wrong is noted. */
function* importLine(
  file: string,
  line: number,
  value: unknown,
  defaults: ImportDefaults,
  wrong: WrongLines,
): Generator<ImportedUpload> {
  if (value === undefined) {
    wrong.add(line, "this line is not JSON");
    return;
  }
  try {
    yield* importValue(file, line, value, defaults);
  } catch (error) {
    if (!(error instanceof ImportError)) throw error;
    wrong.add(line, error.what);
  }
}

/** Whether a line is a whole report: a line of a report that is broken elsewhere is not. */
function isReport(text: string): boolean {
  const value = parsed(text);
  return isObject(value) && (isCtrf(value) || "results" in value || "records" in value);
}

function* importValue(
  file: string,
  line: number | undefined,
  value: unknown,
  defaults: ImportDefaults,
): Generator<ImportedUpload> {
  if (!isObject(value)) throw new ImportError(file, line, "a report is a JSON object");
  const numbered = line !== undefined && line > 1;
  const batchId = numbered ? suffixed(defaults.batchId, `:${line}`) : defaults.batchId;
  if (isCtrf(value)) {
    yield* importCtrf(file, line, value, { ...defaults, batchId });
    return;
  }
  const stream = "records" in value ? "executions" : "batch-metrics";
  if (stream === "batch-metrics" && !("results" in value)) {
    throw new ImportError(
      file,
      line,
      "this is neither CTRF nor an upload: it has no results and no records",
    );
  }
  const { ecosystem, startedAt, minutes } = defaults;
  const untold = {
    batch_id: batchId,
    ...(stream === "batch-metrics" && {
      ecosystem,
      started_at: startedAt,
      ...minutes,
    }),
  };
  // Null says as little as what is not there.
  const silent = Object.entries(untold).filter(([name]) => (value[name] ?? null) === null);
  yield {
    stream,
    upload: { ...untold, ...value, ...Object.fromEntries(silent) },
    source: placeOf(file, line),
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function wholeOf(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const what = error instanceof Error ? error.message : "";
    // Not every message has the place, and those that have none quote the file.
    const line = /\(line (\d+) column \d+\)$/.exec(what)?.[1];
    const place = line === undefined ? undefined : Number(line);
    throw new ImportError(file, place, `the JSON is broken: ${what}`);
  }
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
