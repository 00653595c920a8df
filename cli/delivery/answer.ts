import * as v from "valibot";

/** What of the service's answers the client reads; problems (RFC 9457) included. */
export const Answer = v.object({
  status: v.optional(v.union([v.string(), v.number()])),
  batch_id: v.optional(v.string()),
  batch_run_id: v.optional(v.nullable(v.number())),
  reason: v.optional(v.nullable(v.string())),
  last_error: v.optional(v.nullable(v.string())),
  title: v.optional(v.string()),
  detail: v.optional(v.string()),
});
export type Answer = v.InferOutput<typeof Answer>;

/** What an answer says; nothing where it is not the JSON of this service, but of a proxy before it. */
export function answerOf(text: string): Answer {
  const result = v.safeParse(v.pipe(v.string(), v.parseJson(), Answer), text);
  return result.success ? result.output : {};
}

/** What is wrong with an answer that has none of the service's words in it. */
export function strangeAnswer({ ok, status, statusText }: Response): string {
  const words = `${status} ${ok ? "" : statusText}`.trim();
  return `${words}, but it is no answer of Millrace: is the address right?`;
}

/** Why the service said no, for a person. */
export function refusalOf(response: Response, answer: Answer): string {
  const words = answer.detail ?? answer.title ?? response.statusText;
  return `${response.status} ${words}`.trim();
}
