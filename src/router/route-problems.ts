import { KINDS, type ProblemKind } from "../problem.ts";
import { ProblemDetails } from "./answers.ts";
import type { AnswerHeader } from "./headers.ts";
import type { Answer, Route } from "./route.ts";

/**
 * The problems that a route can answer, besides a wrong method, which no route is reached by:
 * its own, and those of its kind.
 */
export function problemsOf(route: Route): ProblemKind[] {
  const hasParameter = route.path.includes(":");
  const guarded = route.scopes.length > 0;
  const kinds: (ProblemKind | false)[] = [
    ...(route.problems ?? []),
    (hasParameter || Boolean(route.query) || Boolean(route.body)) && "invalid-request",
    guarded && "unauthorized",
    guarded && "forbidden",
    hasParameter && "not-found",
    Boolean(route.body) && "too-large",
    Boolean(route.body) && "unsupported-media-type",
    "internal",
    // What is guarded asks the ledger, which may not answer. What is public asks nobody.
    guarded && "unavailable",
  ];
  return kinds.filter((kind) => kind !== false);
}

const HEADERS: Partial<Record<ProblemKind, readonly AnswerHeader[]>> = {
  unauthorized: ["WWW-Authenticate"],
  forbidden: ["WWW-Authenticate"],
  "method-not-allowed": ["Allow"],
  "unsupported-media-type": ["Accept", "Accept-Encoding"],
  "too-many-requests": ["Retry-After"],
  unavailable: ["Retry-After"],
};

/** Problems as answers: those of one status are one. */
export function problemAnswers(kinds: readonly ProblemKind[]): [status: string, Answer][] {
  const byStatus = Map.groupBy(kinds, (kind) => KINDS[kind].status);
  return [...byStatus].map(([status, together]) => [String(status), answerOf(together)]);
}

/** Problems of one status as an answer. */
export function answerOf(kinds: readonly ProblemKind[]): Answer {
  return {
    description: kinds.map((kind) => `${kind}: ${KINDS[kind].title}.`).join(" "),
    schema: ProblemDetails,
    headers: kinds.flatMap((kind) => HEADERS[kind] ?? []),
  };
}
