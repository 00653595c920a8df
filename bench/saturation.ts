import type { Contestant, Running } from "./contestant.ts";
import { DIRECT, DIRECT_SET_BASED, MILLRACE } from "./contestants.ts";
import { load } from "./load.ts";
import { WARM_SECONDS } from "./measure.ts";
import type { Run } from "./page.ts";
import { fastifyContestant, skipped } from "./postgres.ts";
import { BAR } from "./settings.ts";
import { rotated } from "./statistics.ts";
import { SERVICE, startWorkerd } from "./workerd.ts";

const RESULTS = BAR.results;
/** Shares of what a contestant can take. The first is what the others are compared with. */
export const SHARES = [0.25, 0.5, 0.75, 0.9, 1, 1.25, 1.5] as const;
/** Callers at a time while its capacity is measured: fewer than any of them sheds. */
export const CALLERS = 64;
const CAPACITY_SECONDS = 5;
/** Enough that callers who wait do not keep new ones from coming. */
export const CONNECTIONS = 1_000;

/** Holds about 67 uploads at once, so that this machine can offer more than it takes. */
export const BOUNDED: Contestant = {
  name: "millrace, 1 MB",
  answers: [201],
  start: () => startWorkerd(SERVICE, { variables: { UPLOADS_IN_MEMORY_BYTES: "1000000" } }),
};

/** Who is measured, in the order of the tables. */
export const RUNNERS: readonly Contestant[] = [
  BOUNDED,
  MILLRACE,
  DIRECT,
  DIRECT_SET_BASED,
  ...(skipped ? [] : [fastifyContestant]),
];

/** One rate of one contestant in one round. */
export interface Point {
  contestant: string;
  share: number;
  /** Per second of the load: what was posted. Written (answered 201) and shed are per second until the last answer. */
  offered: number;
  written: number;
  shed: number;
  /** Answered neither 201 nor 503. */
  other: number;
  /** Answered 201 and not in the tables. */
  lost: number;
  p50_ms: number;
  p99_ms: number;
}

/** More and more uploads per second, whether a contestant keeps up or not. */
export async function measureSaturation(run: Run): Promise<Point[]> {
  const points: Point[] = [];
  for (let round = 1; round <= run.rounds; round++) {
    for (const contestant of rotated(RUNNERS, round)) {
      console.log(`round ${round}: ${contestant.name}`);
      // There and back, so that no rate always comes last.
      const shares = round % 2 === 1 ? SHARES : SHARES.toReversed();
      points.push(...(await saturate(contestant, shares, run.seconds)));
    }
  }
  return points;
}

/** Shares of its capacity, which is measured just before: this machine's speed differs from minute to minute. */
async function saturate(
  contestant: Contestant,
  shares: readonly number[],
  seconds: number,
): Promise<Point[]> {
  const running = await contestant.start();
  try {
    const { url, token } = running;
    // The client that offers the rates afterwards: another would leave the contestant another share of the processor.
    const client = { client: "node:http" as const, connections: CALLERS };
    const settings = { url, token, results: RESULTS, status: 201 as const, ...client };
    await load({ ...settings, seconds: WARM_SECONDS });
    const { perSecond: capacity } = await load({ ...settings, seconds: CAPACITY_SECONDS });
    const points: Point[] = [];
    for (const share of shares) {
      const point = await offer(running, capacity * share, seconds);
      points.push({ contestant: contestant.name, share, ...point });
      console.log(
        `${share}: ${point.offered.toFixed(0)}/s offered, ${point.written.toFixed(0)}/s written, ${point.shed.toFixed(0)}/s shed,`,
        `p50 ${point.p50_ms.toFixed(1)} ms, p99 ${point.p99_ms.toFixed(1)} ms, lost ${point.lost}, other ${point.other}`,
      );
    }
    return points;
  } finally {
    await running.stop();
  }
}

async function offer(running: Running, rate: number, seconds: number) {
  const { url, token, written } = running;
  const settings = { url, token, results: RESULTS, status: 201 as const };
  const answers = await load({ ...settings, connections: CONNECTIONS, rate, seconds });
  const { succeeded, shed, failed, ids, p50_ms, p99_ms } = answers;
  return {
    offered: (succeeded + shed + failed) / seconds,
    written: answers.perSecond,
    shed: shed / answers.seconds,
    other: failed,
    lost: (await written?.missing(ids)) ?? 0,
    p50_ms,
    p99_ms,
  };
}
