import type { LedgerShard } from "../../src/durable/ledger-shard.ts";
import type { BatchRow } from "../../src/durable/schema.ts";
import { CULPRIT_ATTEMPTS } from "../../src/limits.ts";
import type { LedgerPort, Report } from "../../src/queue/ticket.ts";
import { isPoisoned } from "./content.ts";
import type { World } from "./world.ts";

/** Reaches a shard, over a network that fails, from a consumer that may have died. */
type Call = <Result>(shard: number, work: (shard: LedgerShard) => Result) => Promise<Result>;

/** The ledger as one consumer sees it. What it tells the ledger, and what that makes of it, is judged. */
export function judgedLedger(world: World, call: Call): LedgerPort {
  /** The rows of the batches when this consumer claimed them. */
  const claimed = new Map<string, BatchRow | undefined>();
  return {
    claim: (shard, keys) =>
      call(shard, ({ ledger }) => {
        for (const key of keys) claimed.set(`${shard} ${key}`, ledger.find(key));
        return ledger.claim(keys);
      }),
    settle: (shard, reports) =>
      call(shard, (instance) => {
        const before = reports.map(({ key }) => instance.ledger.find(key));
        instance.settle(reports);
        for (const [index, report] of reports.entries()) {
          const { key } = report;
          world.note(`settle ${key} ${report.digest.slice(0, 6)} ${report.outcome}`);
          world.count(`reported ${report.outcome}`);
          const then = claimed.get(`${shard} ${key}`);
          const faults = judge(world, report, then, before[index], instance.ledger.find(key));
          world.unjust.push(...faults);
          const host = world.hosts[shard];
          if (host && report.outcome === "dead") world.mischief.died(host, key);
        }
      }),
    bury: (shard, burials) =>
      call(shard, (instance) => {
        const late = burials.filter(({ key, replays, accepted_at }) => {
          const row = instance.ledger.find(key);
          if (row?.state !== "pending") return false;
          if (row.accepted_at !== accepted_at) world.count("burials of what was posted again");
          return row.accepted_at !== accepted_at || row.replays !== replays;
        });
        const dead = instance.bury(burials);
        for (const { key } of burials) world.note(`bury ${key}`);
        const host = world.hosts[shard];
        for (const key of dead) if (host) world.mischief.died(host, key);
        for (const { key } of late) {
          world.count("late burials");
          if (instance.ledger.find(key)?.state === "dead")
            world.unjust.push(
              `unjust: an old ticket buried ${key}, which had been replayed or posted again`,
            );
        }
        return dead;
      }),
  };
}

/** What is wrong with a report, or with what the ledger made of it. */
function judge(
  world: World,
  report: Report,
  then: BatchRow | undefined,
  before: BatchRow | undefined,
  after: BatchRow | undefined,
): string[] {
  const { key, digest, outcome } = report;
  if (before && before.digest !== digest) {
    return JSON.stringify(after) === JSON.stringify(before)
      ? []
      : [`unjust: a report of other content changed ${key}`];
  }
  if (before?.state !== "pending") return [];

  const again = before.accepted_at !== then?.accepted_at;
  if (again) world.count("reports of what was posted again");
  const late = before.replays !== then?.replays;
  if (late) world.count("late reports");
  if (again || (late && outcome !== "written")) {
    return JSON.stringify(after) === JSON.stringify(before)
      ? []
      : [
          `unjust: an old report of ${outcome} changed ${key}, which had been replayed or posted again`,
        ];
  }
  // Only content that a constraint refuses may die at once; what fails by itself, after so many attempts.
  const content = world.clients.posted.get(digest);
  const early = !(content && isPoisoned(content)) && before.attempts + 1 < CULPRIT_ATTEMPTS;
  if (outcome === "dead" && early)
    return [`unjust: ${key} was declared dead before its time: ${report.reason}`];
  const heard =
    outcome === "failed"
      ? after?.attempts === before.attempts + 1
      : after?.state === (outcome === "written" ? "written" : "dead");
  return heard ? [] : [`unheard: ${key} was reported ${outcome}, and is ${after?.state}`];
}
