import * as v from "valibot";
import { MAX_FILTER_BYTES } from "../limits.ts";
import { type Fault, Problem } from "../problem.ts";
import { Moment } from "../streams/fields.ts";
import { streamNamed } from "../streams/index.ts";
import type { Stream } from "../streams/stream.ts";
import { readBody } from "./read-body.ts";

/** A moment of a filter, as milliseconds since 1970. */
export const Instant = v.pipe(
  Moment,
  v.transform((text) => Date.parse(text)),
);

/**
 * The filter in the body of an operator's request, not checked yet; `{}` where there is no body.
 * @throws Problem `invalid-request` where it is no JSON, or is in the address.
 */
export async function readFilter(request: Request): Promise<unknown> {
  if (new URL(request.url).search !== "") {
    // Not passed over: without its filter the request would be about everything.
    throw new Problem("invalid-request", "The filter goes into the body, as a JSON object.");
  }
  const text = await readBody(request, MAX_FILTER_BYTES);
  if (text.trim() === "") return {};
  try {
    return JSON.parse(text);
  } catch {
    throw invalidFilter([{ path: "", message: "invalid JSON: the filter must be a JSON object" }]);
  }
}

/**
 * A filter as its schema has it.
 * @throws Problem `invalid-request` that names each fault; a stream that there is not is one.
 */
export function parseFilter<Output extends { stream?: string | undefined }>(
  schema: v.GenericSchema<unknown, Output>,
  input: unknown,
  streams: readonly Stream[],
): Output {
  // valibot takes an array for an object without fields: a filter that asks for everything.
  const result = v.safeParse(schema, Array.isArray(input) ? null : input);
  if (!result.success) throw invalidFilter(result.issues.map(faultOf));
  const { stream } = result.output;
  if (stream === undefined || streamNamed(streams, stream)) return result.output;
  const known = streams.map(({ name }) => name).join(", ");
  throw invalidFilter([{ path: "stream", message: `stream must be one of ${known}` }]);
}

/** The problem of a filter with these faults. */
export function invalidFilter(errors: Fault[]): Problem {
  const detail = errors.map((error) => error.message).join("; ");
  return new Problem("invalid-request", detail, { errors });
}

function faultOf(issue: v.BaseIssue<unknown>): Fault {
  const path = v.getDotPath(issue) ?? "";
  return { path, message: `${path || "the filter"} ${messageOf(issue)}` };
}

function messageOf(issue: v.BaseIssue<unknown>): string {
  if (issue.type !== "strict_object") return issue.message;
  if (issue.expected === "never") return "is not a known filter";
  return issue.expected === "Object" ? "must be a JSON object" : "is required";
}
