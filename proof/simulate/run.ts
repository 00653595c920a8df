import { stillDead, violations } from "./check.ts";
import { drawBounds } from "./bounds.ts";
import { type Faults, NONE } from "./faults.ts";
import { Random } from "./random.ts";
import { tally } from "./tally.ts";
import type { ShardHost } from "./shard-host.ts";
import { World } from "./world.ts";

/** What a run was, and how it ended. */
export interface Outcome {
  seed: number;
  /** Steps with faults, and with those after healing. */
  steps: number;
  allSteps: number;
  violations: string[];
  /** The same for the same seed, steps and faults. */
  hash: string;
  history: string[];
  /** How often each thing happened: a life in which nothing happens proves nothing. */
  happened: Map<string, number>;
}

/** Replays of everything after healing, and the time before each: some queues have given up before the first, and some still have tickets after the last. */
const REPLAYS = 3;
const REPLAY_EVERY_MS = 200_000;
const REPLAY_AGAIN_MS = 10_000;
/** After healing, everything comes to its end within this time, or it never will. */
const LONGEST_MS = 3 * 24 * 3_600_000;
const MOST_STEPS = 200_000;
/** Enough for all that a life has written, with the smallest bounds. */
const RETENTION_RUNS = 1_000;

/**
 * One simulated life: `steps` steps with the faults, then without, until nothing is under way;
 * then the checks. It depends on its arguments alone.
 */
export async function run(seed: number, steps: number, faults: Faults): Promise<Outcome> {
  const random = new Random(seed);
  const bounds = drawBounds(new Random(seed ^ 0xb0d5));
  const world = new World(random, faults);
  const restore = seedGlobals(new Random(seed ^ 0x5eed), (event) => world.count(event));
  try {
    world.note(`bounds ${JSON.stringify(bounds)}`);
    while (world.scheduler.steps < steps) await world.scheduler.step();
    world.heal(NONE);
    if (random.chance(0.5)) world.mend();
    // Replays while the queue still has tickets from before: those must not undo them. In every
    // other life nobody replays, and nobody else comes: a replay wakes a shard that sleeps.
    const replays = seed % 2 === 0 ? REPLAYS : 0;
    for (let round = 0; round < replays; round++) {
      await pass(world, REPLAY_EVERY_MS);
      replayAll(world);
    }
    await rest(world);
    const found = violations(world);
    // Whatever died of the faults must come back to life now that they are healed.
    world.mend();
    replayAll(world);
    await rest(world);
    return {
      seed,
      steps,
      allSteps: world.scheduler.steps,
      violations: [...new Set([...found, ...violations(world), ...stillDead(world)])],
      hash: world.hash.toString(16),
      history: world.history,
      happened: tally(world),
    };
  } finally {
    restore();
    world.close();
  }
}

function replayAll(world: World): void {
  world.note("all is replayed");
  for (const host of world.hosts) void world.task(() => replayAllOf(world, host));
}

/** A replay that fails, since the shard can set no alarm yet, is repeated by the operator. */
async function replayAllOf(world: World, host: ShardHost): Promise<void> {
  for (;;) {
    try {
      await host.call((shard) => shard.replayAll({}, Number.MAX_SAFE_INTEGER));
      return;
    } catch {
      await world.scheduler.delay(REPLAY_AGAIN_MS);
    }
  }
}

/** Lets so much time pass. */
async function pass(world: World, ms: number): Promise<void> {
  const until = world.scheduler.now() + ms;
  while (world.scheduler.now() < until && (await world.scheduler.step()));
}

/**
 * Lets everything come to its end, and then retention, which may have broken off between the
 * rows of a run and the run.
 */
async function rest(world: World): Promise<void> {
  await drain(world);
  void world.task(() => world.retain(RETENTION_RUNS));
  await drain(world);
}

/** Lets everything that is under way come to its end; what does not is found by the checks. */
async function drain(world: World): Promise<void> {
  const started = world.scheduler.now();
  const mostSteps = world.scheduler.steps + MOST_STEPS;
  while (!quiet(world, started) && (await world.scheduler.step())) {
    if (world.scheduler.steps > mostSteps) break;
  }
}

/** Nothing is pending, nothing is in the queue, and the last answers are there. */
function quiet(world: World, started: number): boolean {
  const waited = world.scheduler.now() - started;
  if (waited < 60_000 || world.scheduler.steps % 20 !== 0) return false;
  if (waited > LONGEST_MS) return true;
  const pending = "SELECT 1 FROM batches WHERE state = 'pending' LIMIT 1";
  return (
    world.tasks === 0 &&
    world.queue.idle &&
    world.hosts.every(({ database }) => database.all(pending).length === 0)
  );
}

/** The outbox's own words. */
const OUTBOX_FULL = "too many tickets wait";

/** The real code takes chance and write ids from the globals; here they come from the seed. */
function seedGlobals(random: Random, logged: (event: string) => void): () => void {
  const { random: chance } = Math;
  const randomUUID = crypto.randomUUID.bind(crypto);
  const { log, error } = console;
  Math.random = () => random.next();
  const hexadecimal = () => random.below(2 ** 32).toString(16);
  crypto.randomUUID = () =>
    `${hexadecimal()}-${hexadecimal()}-${hexadecimal()}-${hexadecimal()}-${hexadecimal()}`;
  // One line an event is for operators: here the events are counted.
  const count = (line: unknown) => {
    const event = /"event":"([^"]+)"/.exec(String(line))?.[1];
    if (event) logged(event);
    if (String(line).includes(OUTBOX_FULL)) logged(OUTBOX_FULL);
  };
  console.log = count;
  console.error = count;
  return () => {
    Math.random = chance;
    crypto.randomUUID = randomUUID;
    console.log = log;
    console.error = error;
  };
}
