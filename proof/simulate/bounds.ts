import { registerHooks } from "node:module";
import type { Random } from "./random.ts";

/*
 * A life of forty batches reaches none of production's bounds. So that it does, the numbers
 * below are drawn from the seed. As `src/limits.ts` is loaded, variables are made of its constants,
 * so that the service itself needs no other way to them.
 */

/** Between what a bound is drawn, where it is not left as it is. */
const DRAWN = {
  /** The search for culprits needs about 12 to find one among the batches of a group here. */
  GROUP_TRANSACTIONS: [12, 20],
  GROUP_BATCHES: [1, 4],
  GROUP_BYTES: [100, 2_000],
  STATEMENT_PARAMETER_BYTES: [100, 2_000],
  SEND_TICKETS: [1, 4],
  OUTBOX_TICKETS: [1, 4],
  REDELIVER_TICKETS: [1, 3],
  FORGET_ROWS: [1, 4],
  RETENTION_ROWS: [1, 4],
  /** One for the rows, one for their runs. */
  RETENTION_STATEMENTS: [2, 4],
  SHARD_CROWDED_BYTES: [500, 5_000],
  SHARD_FULL_BYTES: [2_000, 10_000],
  SIZE_LOOK_BYTES: [1, 1_000],
} as const;

type Name = keyof typeof DRAWN;
type Bounds = Record<Name, number>;

const NAMES = Object.keys(DRAWN).filter((name): name is Name => name in DRAWN);

/** Set by `src/limits.ts` as it is loaded here. @public */
export const limits: { defaults?: Bounds; set?: (bounds: Bounds) => void } = {};

/** Draws the bounds of a life: about half of them small. @returns those that are. */
export function drawBounds(random: Random): Partial<Bounds> {
  const { defaults, set } = limits;
  if (!defaults || !set) throw new Error("src/limits.ts was loaded before it could be changed");
  const small: Partial<Bounds> = {};
  for (const name of NAMES) {
    const [least, most] = DRAWN[name];
    if (random.chance(0.5)) small[name] = random.between(least, most);
  }
  set({ ...defaults, ...small });
  return small;
}

function withVariables(text: string): string {
  let changed = text;
  for (const name of NAMES) {
    const constant = `export const ${name} =`;
    if (!changed.includes(constant)) throw new Error(`src/limits.ts has no ${name}`);
    changed = changed.replace(constant, `export let ${name} =`);
  }
  const names = NAMES.join(", ");
  return `${changed}
import { limits } from ${JSON.stringify(import.meta.url)};
limits.defaults = { ${names} };
limits.set = (bounds) => void ({ ${names} } = bounds);`;
}

/** Has `src/limits.ts` loaded so that its bounds can be drawn. */
export function makeBoundsVariable(): void {
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context);
      if (!url.endsWith("/src/limits.ts")) return loaded;
      const { source = "" } = loaded;
      const text =
        typeof source === "string" ? source : new TextDecoder().decode(source ?? undefined);
      return { ...loaded, source: withVariables(text) };
    },
  });
}
