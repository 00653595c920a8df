import { reasonOf } from "./failure.ts";
import { type Delivery, STATES } from "./delivery/delivery.ts";
import { counted, type Output } from "./output.ts";
import { type Elsewhere, type Tally, uploadsIn } from "./spool/entry.ts";
import type { Spool } from "./spool/spool.ts";

/** What the service did not take, or took and could not write. */
const TROUBLE: ReadonlySet<Delivery["state"]> = new Set(["dead", "spooled", "refused", "lost"]);

/** Reasons, and addresses, shown to a person; the rest is in `millrace spool list`. */
const SHOWN = 5;

/** What there is to tell at the end of a run. */
interface Told {
  deliveries: readonly Delivery[];
  /** What was wrong with the input, a line each. */
  faults: readonly string[];
  /** What the spool could not do. */
  troubles: ReadonlySet<string>;
}

/**
 * Tells what became of the uploads.
 * @returns how many uploads the service did not take, or took and could not write; and how
 *   many wait in the spool, but for those that are meant for another address.
 */
export function reportDeliveries(
  output: Output,
  spool: Spool,
  { deliveries, faults, troubles }: Told,
): { undelivered: number; waiting: number } {
  const counts = Object.fromEntries(
    STATES.map((state) => [state, deliveries.filter((each) => each.state === state).length]),
  );
  const duplicates = deliveries.filter((each) => each.duplicate).length;

  for (const fault of faults) output.error(fault);
  const trouble = deliveries.filter(({ state }) => TROUBLE.has(state));
  for (const { state, stream, batch_id, reason } of trouble.slice(0, SHOWN)) {
    output.warn(`${stream} ${batch_id} is ${state}: ${reason ?? "no reason was given"}`);
  }
  if (trouble.length > SHOWN) output.warn(`and ${trouble.length - SHOWN} more`);
  const { lost = 0 } = counts;
  if (lost > 0) output.error(`${counted(lost, "upload")} lost: neither delivered nor kept`);
  const remaining = remainingIn(spool, output);
  for (const reason of troubles) output.warn(`the spool ${spool.path} failed: ${reason}`);

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
  return { undelivered: trouble.length, waiting: remaining.waiting };
}

/** What is kept for a later run, with a line about each kind. */
function remainingIn(spool: Spool, output: Output): Tally {
  const none = { waiting: 0, refused: 0, elsewhere: [] };
  if (!spool.lasting) return none;
  try {
    const remaining = spool.tally();
    if (remaining.waiting > 0) {
      const what = counted(remaining.waiting, "upload");
      output.warn(`${what} in the spool ${spool.path}: send with millrace flush`);
    }
    if (remaining.refused > 0) {
      output.warn(
        `${remaining.refused} refused in the spool ${spool.path}: see millrace spool list`,
      );
    }
    if (remaining.elsewhere.length > 0) output.warn(elsewhereIn(spool, remaining.elsewhere));
    return remaining;
  } catch (error) {
    output.warn(`the spool ${spool.path} cannot be read: ${reasonOf(error)}`);
    return none;
  }
}

/** What is kept for other addresses, and what to do about it. No address has a password in it. */
function elsewhereIn({ path }: Spool, elsewhere: readonly Elsewhere[]): string {
  const named = elsewhere
    .slice(0, SHOWN)
    .map(({ address, uploads }) => `${uploads} for ${address}`);
  const further = uploadsIn(elsewhere.slice(SHOWN));
  const all = [...named, ...(further > 0 ? [`${further} for further ones`] : [])].join(", ");
  const what = counted(uploadsIn(elsewhere), "upload");
  const there = "there with millrace flush --url ADDRESS and the token of that service";
  return `${what} in the spool ${path} for other addresses (${all}): send ${there}, or here with millrace flush --from ADDRESS`;
}
