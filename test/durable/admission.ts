import type { Admission } from "../../src/durable/ledger.ts";

/** The least that a batch at the ledger's door can be. */
export function admission(batch_id: string): Admission {
  const body = { run: "{}", parts: ["[]"] };
  return { stream: "batch-metrics", batch_id, digest: "d1", row_count: 0, bytes: 2, body };
}
