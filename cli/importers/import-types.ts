import type { Minutes } from "../ci/index.ts";

/** What a report does not say itself. */
export interface ImportDefaults {
  /** For uploads without a `batch_id`. */
  batchId: string;
  /** As the service takes a name. */
  ecosystem: string;
  /** Where the tests ran, as the service takes a name: what tells the jobs of a matrix apart. */
  platform?: string;
  /** ISO 8601, where the report has no time. */
  startedAt: string;
  minutes?: Minutes;
  /** Of a report's tests only the failed ones are results; the others are counted in the run. */
  failuresOnly?: boolean;
  /** The job was cancelled: what did not run must not look like a result. */
  cancelled?: boolean;
}

/** An upload that a report makes. */
export interface ImportedUpload {
  stream: "batch-metrics" | "executions";
  upload: Record<string, unknown>;
  /** The file's name, with the line where one file holds several uploads. */
  source: string;
}

/** Something to read a report from. */
export interface ReportSource {
  name: string;
  open(): NodeJS.ReadableStream;
}
