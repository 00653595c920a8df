import type * as v from "valibot";
import type { SqlStore } from "../sql.ts";

/** A strict schema whose fields are columns: the field's name is the column's. */
export type Fields = v.StrictObjectSchema<v.ObjectEntries, undefined>;

/** The fields of one run or row, validated. */
export type Values = Record<string, unknown>;

/** A validated, normalised upload. */
export interface Batch {
  batch_id: string;
  run: Values;
  rows: Values[];
}

/** Where a stream's batches land in SQL. */
export interface Tables {
  /**
   * One row a batch: `id`, the bookkeeping columns `batch_id` (unique), `digest`, `write_id`,
   * `accepted_at`, `row_count`, and a column for each field of the run.
   */
  run: string;
  /** One row for each result or record: a column for each of its fields. */
  rows: string;
  /** The column of `rows` that holds the `id` of its run. */
  runColumn: string;
  /** SQL for columns of `rows` that are not just their field: made of the field's SQL, and of `run.…`. */
  expressions?: Record<string, (field: string) => string>;
  /** The column that tells a run's age, and a row's where rows are deleted by an age of their own. */
  age: { run: string; row?: string };
}

/**
 * Takes batches that go elsewhere than SQL. `write` must be safe to repeat: a batch may come twice.
 * What it throws is why the batch is not written. The batch comes again, and is dead after
 * `CULPRIT_ATTEMPTS`; or after hours, if the error tells of a network or a database that is away.
 */
export interface StreamSink {
  write(batch: Batch): Promise<void>;
}

/**
 * A kind of upload. A stream is data: the router, the ledger, the queue, the writer and
 * retention read it from here and know no stream by name.
 */
export interface Stream {
  /** In tickets, logs and configuration: lower case letters, digits and dashes. */
  readonly name: string;
  /** Where it is posted. */
  readonly path: string;
  /** What it carries, in one sentence, for the API description. */
  readonly description: string;
  /** Fields of the batch, besides `batch_id` and the rows. */
  readonly run: Fields;
  /** The field that holds the rows, like `results`. */
  readonly rowsField: string;
  /**
   * Fields of one row. A new one goes to the end, since bodies hold values by their place:
   * anywhere else it would change what is stored, and the digests of uploads that are known.
   */
  readonly row: Fields;
  /** The fewest rows a batch may have. */
  readonly minRows: number;
  /**
   * Fills in what can be computed. It depends on nothing but its arguments: the same upload
   * must come out the same tomorrow, or posting it again would be a conflict.
   */
  readonly complete?: (run: Values, rows: Values[]) => Values;
  /** How long the rows are kept, where configuration does not say otherwise. */
  readonly retentionDays: number;
  /** Absent where the stream keeps nothing in SQL. */
  readonly tables?: Tables;
  /** Called once in a Worker, before its first write. `sql` is null where no database is bound. */
  readonly init?: (context: { sql: SqlStore | null; env: Env }) => StreamSink;
}

/**
 * Checks a stream's definition when the Worker starts, so that a mistake shows in the first test.
 * @throws Error where the definition cannot work.
 */
export function defineStream(stream: Stream): Stream {
  const problem =
    (!/^[a-z][a-z0-9-]{0,39}$/.test(stream.name) &&
      "its name must be lower case, digits, dashes") ||
    (!/^\/[a-z0-9-]+$/.test(stream.path) && "its path must be one segment, like /results") ||
    (!stream.tables === !stream.init && "it needs either tables or init") ||
    ("batch_id" in stream.run.entries && "batch_id is every stream's and not a field of the run") ||
    (stream.rowsField in stream.run.entries && `${stream.rowsField} cannot be a field of the run`);
  if (problem) throw new Error(`stream "${stream.name}": ${problem}`);
  return stream;
}
