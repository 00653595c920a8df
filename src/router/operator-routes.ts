import * as v from "valibot";
import type { Stream } from "../streams/stream.ts";
import {
  DeadLetters,
  deadLetterWithBatch,
  Forgotten,
  ledgerTotals,
  Replayed,
  ReplayedMany,
} from "./answers.ts";
import { readTotals } from "./totals.ts";
import { ListQuery, ReplayOrder } from "./dead-letter-query.ts";
import {
  dropDeadLetter,
  listDeadLetters,
  readDeadLetter,
  replayDeadLetter,
  replayDeadLetters,
} from "./dead-letters.ts";
import { ForgetFields, forgetWritten } from "./forget.ts";
import type { Route } from "./route.ts";

/** The routes of whoever operates the service: the totals, and the dead letters. */
export function operatorRoutes(streams: readonly Stream[]): Route[] {
  const filter = describedFilter(streams);
  return [
    {
      method: "GET",
      path: "/ledger",
      scopes: ["read"],
      summary: "What became of every batch, by stream",
      operationId: "read-ledger",
      answers: { 200: { description: "The totals of all shards.", schema: ledgerTotals(streams) } },
      handle: readTotals,
    },
    {
      method: "POST",
      path: "/ledger/forget",
      scopes: ["admin"],
      summary: "Forget written batches that D1 has lost, so that they can be posted again",
      operationId: "forget-written",
      headers: ["Content-Encoding"],
      body: {
        schema: describedForget(streams),
        description: "Which: one batch_id, or all that were written since a moment.",
        required: true,
      },
      answers: {
        200: {
          description:
            "So many are forgotten, and at least so many are left: ask again until none is.",
          schema: Forgotten,
        },
      },
      handle: forgetWritten,
    },
    {
      method: "GET",
      path: "/dead-letters",
      scopes: ["admin"],
      summary: "Dead batches of all shards, newest first",
      operationId: "list-dead-letters",
      query: v.strictObject({
        ...ListQuery.entries,
        ...filter,
        cursor: v.pipe(ListQuery.entries.cursor, v.description("next_cursor of an earlier page.")),
      }),
      answers: {
        200: {
          description:
            "A page of those that the filter has, and the count of all. next_cursor is null on the last page.",
          schema: DeadLetters,
        },
      },
      handle: listDeadLetters,
    },
    {
      method: "POST",
      path: "/dead-letters/replay",
      scopes: ["admin"],
      summary: "Replay all dead batches, or those of a filter",
      operationId: "replay-dead-letters",
      headers: ["Content-Encoding"],
      body: {
        schema: v.strictObject({ ...ReplayOrder.entries, ...filter }),
        description: "The filter. Without one: all.",
        required: false,
      },
      answers: {
        202: {
          description: "So many are pending again, and so many of the filter are left.",
          schema: ReplayedMany,
        },
      },
      handle: replayDeadLetters,
    },
    {
      method: "GET",
      path: "/dead-letters/:stream/:batch_id",
      scopes: ["admin"],
      summary: "A dead batch with its body",
      operationId: "read-dead-letter",
      answers: {
        200: {
          description: "The dead letter, with the batch as it could be posted.",
          schema: deadLetterWithBatch(streams),
        },
      },
      handle: readDeadLetter,
    },
    {
      method: "DELETE",
      path: "/dead-letters/:stream/:batch_id",
      scopes: ["admin"],
      summary: "Drop a dead batch for good",
      operationId: "drop-dead-letter",
      answers: {
        204: {
          description:
            "Its body is gone, and its batch_id is free, unless the database has it with other content.",
        },
      },
      handle: dropDeadLetter,
    },
    {
      method: "POST",
      path: "/dead-letters/:stream/:batch_id/replay",
      scopes: ["admin"],
      summary: "Replay a dead batch under its own batch_id",
      operationId: "replay-dead-letter",
      answers: { 202: { description: "The batch is pending again.", schema: Replayed } },
      handle: replayDeadLetter,
    },
  ];
}

function describedForget(streams: readonly Stream[]) {
  return v.strictObject({
    ...ForgetFields.entries,
    stream: v.picklist(streams.map(({ name }) => name)),
    since: v.pipe(ForgetFields.entries.since, v.description("Written at this moment or later.")),
  });
}

/** The fields that both filters have, with what they mean and the streams that there are. */
function describedFilter(streams: readonly Stream[]) {
  const { reason, since, before } = ListQuery.entries;
  return {
    stream: v.optional(v.picklist(streams.map(({ name }) => name))),
    reason: v.pipe(reason, v.description("Text that the reason contains, in any case.")),
    since: v.pipe(since, v.description("Died at this moment or later.")),
    before: v.pipe(before, v.description("Died before this moment.")),
  };
}
