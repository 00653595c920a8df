import * as v from "valibot";
import { FAULTS_IN_DETAIL, MAX_LISTED_ERRORS, MAX_LISTED_KEY, MAX_ROWS } from "../limits.ts";
import { type Fault, Problem } from "../problem.ts";
import { BatchId } from "./fields.ts";
import type { Batch, Fields, Stream, Values } from "./stream.ts";

/**
 * An upload's text as a batch in its normal form: fields in the schema's order, defaults and
 * computed values filled in, times in UTC.
 * @throws Problem `invalid-batch` with the path and the message of each fault, at most 50.
 */
export function parseBatch(stream: Stream, text: string): Batch {
  const value = parseJson(text);
  const schema = headOf(stream);
  const head = validate(schema, value);
  const rows = rowsOf(stream, value);
  const faults = head.success ? [] : faultsOf(stream, head.issues, schema, value);

  const kept: Values[] = [];
  for (const [index, row] of rows.entries()) {
    if (faults.length >= MAX_LISTED_ERRORS) break;
    const result = validate(stream.row, row);
    if (result.success) kept.push(result.output);
    else faults.push(...faultsOf(stream, result.issues, stream.row, row, index));
  }
  if (!head.success || kept.length < rows.length) throw invalid(faults);

  const { batch_id, [stream.rowsField]: _, ...run } = head.output;
  return {
    batch_id: String(batch_id),
    run: stream.complete ? stream.complete(run, kept) : run,
    rows: kept,
  };
}

function parseJson(text: string): unknown {
  if (text.trim() === "") throw invalid([{ path: "", message: "invalid JSON: the body is empty" }]);
  try {
    return JSON.parse(text);
  } catch (error) {
    const where = error instanceof Error ? error.message : "it cannot be parsed";
    throw invalid([{ path: "", message: `invalid JSON: ${where}` }]);
  }
}

const heads = new WeakMap<Stream, Fields>();

/** The batch without a look into its rows: those are checked one by one, up to the limit of faults. */
function headOf(stream: Stream): Fields {
  let head = heads.get(stream);
  if (!head) {
    const field = stream.rowsField;
    const rows = v.pipe(
      v.array(v.unknown(), `must be an array`),
      v.minLength(stream.minRows, `must have at least ${stream.minRows} entries`),
      v.check(
        (array) => array.length <= MAX_ROWS,
        (issue) =>
          `must have at most ${MAX_ROWS} entries, but has ${issue.input.length}: split the batch`,
      ),
    );
    head = v.strictObject({ batch_id: BatchId, ...stream.run.entries, [field]: rows });
    heads.set(stream, head);
  }
  return head;
}

/** An array has no fields, which would read as all of them missing: it is checked as no object at all. */
function validate(schema: Fields, value: unknown) {
  return v.safeParse(schema, Array.isArray(value) ? null : value, { abortPipeEarly: true });
}

function rowsOf(stream: Stream, value: unknown): unknown[] {
  if (typeof value !== "object" || value === null) return [];
  const rows: unknown = Reflect.get(value, stream.rowsField);
  return Array.isArray(rows) && rows.length <= MAX_ROWS ? rows : [];
}

/** @param row its index, where the faults are a row's. */
function faultsOf(
  stream: Stream,
  issues: readonly v.BaseIssue<unknown>[],
  schema: Fields,
  value: unknown,
  row?: number,
): Fault[] {
  const at = row === undefined ? "" : `${stream.rowsField}[${row}]`;
  return issues.flatMap((issue) =>
    // valibot stops at the first field that it does not know.
    issue.type === "strict_object" && issue.expected === "never"
      ? unknownFields(schema, value, at)
      : [faultOf(stream, issue, at)],
  );
}

function unknownFields(schema: Fields, value: unknown, at: string): Fault[] {
  const unknown = Object.keys(Object(value)).filter((key) => !Object.hasOwn(schema.entries, key));
  return unknown.slice(0, MAX_LISTED_ERRORS).map((key) => {
    const path = pathTo(at, key.slice(0, MAX_LISTED_KEY).toWellFormed());
    return { path, message: `${path} is not a known field` };
  });
}

function pathTo(at: string, key: unknown): string {
  if (typeof key === "number") return `${at}[${key}]`;
  return at ? `${at}.${String(key)}` : String(key);
}

function faultOf(stream: Stream, issue: v.BaseIssue<unknown>, at: string): Fault {
  const path = (issue.path ?? []).map(({ key }) => key).reduce<string>(pathTo, at);
  const name = path || "the batch";
  if (issue.type !== "strict_object") return { path, message: `${name} ${issue.message}` };
  if (issue.expected === "Object") return { path, message: `${name} must be an object` };
  // What is left of this type is a missing key.
  const kind = path === stream.rowsField ? " array" : "";
  return { path, message: `${name}${kind} is required` };
}

function invalid(faults: Fault[]): Problem {
  const listed = faults.slice(0, MAX_LISTED_ERRORS);
  const first = listed.slice(0, FAULTS_IN_DETAIL).map((fault) => fault.message);
  const more = listed.length - first.length;
  const detail = more > 0 ? [...first, `and ${more} more, listed in errors`] : first;
  return new Problem("invalid-batch", detail.join("; "), { errors: listed });
}
