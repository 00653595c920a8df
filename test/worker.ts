import * as v from "valibot";
import { BatchLedger as RealBatchLedger, createService } from "../src/index.ts";
import { Name } from "../src/streams/fields.ts";
import { STREAMS } from "../src/streams/index.ts";
import { defineStream } from "../src/streams/stream.ts";
import { delivered, faultyQueue, faultyShards, untilLetGo } from "./faults.ts";

/** The ledger itself; only what it calls can be made to misbehave. */
export class BatchLedger extends RealBatchLedger {
  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, { ...env, QUEUE: faultyQueue(env.QUEUE), LEDGER: faultyShards(env.LEDGER) });
  }
}

/** What adding a stream takes: this definition, its line in the registry, and its migrations. */
export const deployments = defineStream({
  name: "deployments",
  path: "/deployments",
  description: "Deployments of a service, as an example of a stream of one's own.",
  run: v.strictObject({ service: Name }),
  rowsField: "steps",
  row: v.strictObject({ step: Name }),
  minRows: 1,
  retentionDays: 7,
  tables: {
    run: "deployments",
    rows: "deployment_steps",
    runColumn: "deployment_id",
    age: { run: "accepted_at" },
  },
});

/** Batches that the stream without SQL has taken. */
export const notified: string[] = [];

/** A stream that keeps nothing in SQL. */
export const notices = defineStream({
  name: "notices",
  path: "/notices",
  description: "Notices that go elsewhere than SQL.",
  run: v.strictObject({}),
  rowsField: "lines",
  row: v.strictObject({ line: Name }),
  minRows: 0,
  retentionDays: 1,
  init: () => ({
    async write(batch) {
      notified.push(batch.batch_id);
    },
  }),
});

const service = createService([...STREAMS, deployments, notices]);

export default {
  ...service,

  async queue(batch, env) {
    await untilLetGo();
    await service.queue(batch, env);
    delivered.push(batch.messages.map(({ body }) => body));
  },
} satisfies ExportedHandler<Env>;
