import type { Delivery } from "./delivery/courier.ts";
import { counted, type Output } from "./output.ts";
import type { Spool } from "./spool/spool.ts";

const STATES = ["written", "pending", "dead", "spooled", "refused"] as const;

/** Reasons shown to a person; the rest is in `millrace spool list`. */
const SHOWN = 5;

/**
 * Tells what became of the uploads.
 * @param faults what was wrong with the input, a line each.
 * @returns how many uploads the service did not take, or took and could not write.
 */
export function reportDeliveries(
  output: Output,
  spool: Spool,
  deliveries: readonly Delivery[],
  faults: readonly string[],
): { undelivered: number } {
  const counts = Object.fromEntries(
    STATES.map((state) => [state, deliveries.filter((each) => each.state === state).length]),
  );
  const duplicates = deliveries.filter((each) => each.duplicate).length;
  const remaining = { waiting: spool.count("waiting"), refused: spool.count("refused") };

  for (const fault of faults) output.error(fault);
  const trouble = deliveries.filter(({ state }) => state !== "written" && state !== "pending");
  for (const { state, stream, batch_id, reason } of trouble.slice(0, SHOWN)) {
    output.warn(`${stream} ${batch_id} is ${state}: ${reason ?? "no reason was given"}`);
  }
  if (trouble.length > SHOWN) output.warn(`and ${trouble.length - SHOWN} more`);
  if (remaining.waiting > 0) {
    const what = counted(remaining.waiting, "upload");
    output.warn(`${what} in the spool ${spool.path}: send with millrace flush`);
  }

  const summary = STATES.filter((state) => counts[state]).map(
    (state) => `${counts[state]} ${state}`,
  );
  const again = duplicates > 0 ? [`${duplicates} of them were there already`] : [];
  const line = [...(summary.length > 0 ? summary : ["nothing was sent"]), ...again].join(", ");
  output.result(
    {
      counts: { ...counts, duplicates, errors: faults.length },
      uploads: deliveries,
      errors: faults,
      spool: { path: spool.path, ...remaining },
    },
    [line],
  );
  return { undelivered: trouble.length };
}
