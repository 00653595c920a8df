import { createHash } from "node:crypto";
import type { Admission } from "../../src/durable/ledger.ts";

/** A result that the schema of D1 refuses for ever: a constraint, which kills at once. */
const POISON = "poison";

/** A recipe that D1 refuses, for a constraint as well, until its table is mended. */
export const UNWANTED = "unwanted";

/** A recipe that makes D1 fail in a way nobody has seen before, until that is mended: it dies after so many attempts. */
export const CURSED = "cursed";

const STREAM = "batch-metrics";
const known = new Map<string, Admission>();

/**
 * What a client posts under a number: its content depends on number and variant alone. Other
 * variants of a number are conflicts. Some numbers are poisoned, unwanted or cursed, every 7th is
 * old enough for retention, every 5th has a body of several parts.
 */
export function contentOf(number: number, variant: number): Admission {
  const name = `${number}/${variant}`;
  let admission = known.get(name);
  if (!admission) known.set(name, (admission = make(number, variant)));
  return admission;
}

/** Whether D1 can never take this content. */
export function isRefused({ body }: Admission): boolean {
  return body.parts.some((part) => part.includes(POISON));
}

/** Whether a constraint refuses this content, for ever or until it is mended. */
export function isPoisoned({ body }: Admission): boolean {
  return body.parts.some((part) => part.includes(POISON) || part.includes(UNWANTED));
}

function make(number: number, variant: number): Admission {
  // The variants differ in length, so that no answer can be about the wrong one unnoticed.
  // recipe_name, ecosystem, platform, result: as a stored body holds them.
  const rows = Array.from({ length: (number + variant) % 6 }, (_, index) => [
    number % 13 === 12 ? CURSED : number % 11 === 9 ? UNWANTED : `recipe-${index}`,
    `e${number}-${variant}`,
    null,
    number % 11 === 10 ? POISON : "passed",
  ]);
  const run = {
    ecosystem: `e${number}-${variant}`,
    started_at: number % 7 === 0 ? "2020-01-01T00:00:00Z" : "2026-11-01T00:00:00Z",
    total_recipes: rows.length,
    passed: rows.length,
    failed: 0,
    skipped: 0,
  };
  const parts =
    number % 5 === 0 && rows.length > 0
      ? rows.map((row) => JSON.stringify([row]))
      : [JSON.stringify(rows)];
  const text = `${JSON.stringify(run)}\n${JSON.stringify(rows)}`;
  const digest = createHash("sha256").update(text).digest("hex");
  const body = { run: JSON.stringify(run), parts };
  return {
    stream: STREAM,
    batch_id: `b${number}`,
    digest,
    row_count: rows.length,
    bytes: text.length,
    body,
  };
}
