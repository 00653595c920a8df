import * as v from "valibot";
import { Count, maybe, Moment, Name, Quantity } from "./fields.ts";
import { defineStream } from "./stream.ts";

/** An automated review by a language model: what it looked at, what it cost, how it ended. */
const Execution = v.strictObject({
  delivery_id: maybe(Name),
  repo: Name,
  pr_number: maybe(Count),
  event_type: Name,
  provider: v.nullish(Name, "anthropic"),
  model: Name,
  input_tokens: v.nullish(Count, 0),
  output_tokens: v.nullish(Count, 0),
  cache_read_tokens: v.nullish(Count, 0),
  cache_creation_tokens: v.nullish(Count, 0),
  duration_ms: v.nullish(Quantity, 0),
  cost_usd: v.nullish(Quantity, 0),
  conclusion: Name,
  session_id: maybe(Name),
  num_turns: maybe(Count),
  stop_reason: maybe(Name),
  created_at: maybe(Moment),
});

export const executions = defineStream({
  name: "executions",
  path: "/executions",
  description: "Records of automated reviews: model, tokens, cost and conclusion.",
  run: v.strictObject({}),
  rowsField: "records",
  row: Execution,
  minRows: 1,
  retentionDays: 90,
  tables: {
    run: "execution_uploads",
    rows: "executions",
    runColumn: "upload_id",
    // "Now" is when the upload was accepted: filled in here and not in the batch, whose
    // digest must not depend on the time.
    expressions: { created_at: (field) => `coalesce(${field}, run.accepted_at)` },
    age: { run: "accepted_at", row: "created_at" },
  },
});
