import { text } from "node:stream/consumers";
export interface ImportDefaults {
  batchId: string;
  ecosystem: string;
  startedAt: string;
  minutes?: { macos?: number; linux?: number };
  cancelled?: boolean;
}
export type ImportedUpload = {
  stream: "batch-metrics" | "executions";
  upload: Record<string, unknown>;
  source: string;
};
export class ImportError extends Error {
  file: string;
  line?: number;
  constructor(m: string, f: string) {
    super(m);
    this.file = f;
  }
}
export async function* importReport(
  source: { name: string; open(): NodeJS.ReadableStream },
  _defaults: ImportDefaults,
): AsyncGenerator<ImportedUpload> {
  const all = await text(source.open());
  let values: unknown[];
  try {
    values = [JSON.parse(all)];
  } catch {
    try {
      values = all
        .split("\n")
        .filter((l) => l.trim())
        .map((l) => JSON.parse(l));
    } catch {
      throw new ImportError(`${source.name}:1: not JSON`, source.name);
    }
  }
  for (const value of values)
    yield {
      stream: Reflect.has(Object(value), "records") ? "executions" : "batch-metrics",
      upload: Object(value),
      source: source.name,
    };
}
