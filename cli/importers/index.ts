import { importJson } from "./json.ts";
import { importJunit } from "./junit.ts";
import type { ImportDefaults, ImportedUpload, ReportSource } from "./import-types.ts";
import { open } from "./open.ts";

export { ImportError } from "./import-error.ts";
export type { ImportDefaults, ImportedUpload, ReportSource } from "./import-types.ts";

/**
 * The uploads of a report, which is known by its content: JUnit XML, CTRF JSON, an upload in
 * Millrace's own JSON, or one a line. XML and lines are read as they come, so that the size of a
 * file does not matter; one JSON value is held whole, and refused beyond MOST_TEXT.
 * @throws ImportError that names the file, and the line where it is known. In a file of many
 *   uploads the good lines come first, and the error then names the others.
 */
export async function* importReport(
  source: ReportSource,
  defaults: ImportDefaults,
): AsyncGenerator<ImportedUpload> {
  const { kind, chunks } = await open(source);
  const read = kind === "xml" ? importJunit : importJson;
  yield* read(source.name, chunks, defaults);
}
