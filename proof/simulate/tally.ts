import { faultNames } from "./faults.ts";
import type { World } from "./world.ts";

/** What has to happen besides the faults, or the lives have proved nothing about it. */
export const COUNTED = [
  "alarm",
  "alarm abandoned",
  "deploys of the other number",
  "late reports",
  "late burials",
  "burials of what was posted again",
  "accepted pending",
  "accepted written",
  "accepted dead",
  "duplicate pending",
  "duplicate written",
  "conflict",
  "overloaded",
  "retention left some",
  "no answer",
  "reported written",
  "reported failed",
  "reported dead",
  "reported conflict",
  "ledger.redelivered",
  "ledger.forgot",
  "ledger.claim-failed",
  "ledger.settle-failed",
  "ledger.bury-failed",
  "outbox.unsent",
  "too many tickets wait",
  "store.write-failed",
  "tickets.passed-over",
  "batches.written",
  "batches.retried",
  "batches.conflict",
  "batches.dead",
];

/** What a life came to: how often each thing happened. One in which nothing happens proves nothing. */
export function tally(world: World): Map<string, number> {
  const inLedgers = (text: string) =>
    world.hosts.reduce((sum, { database }) => sum + database.all(text).length, 0);
  const counted = [...faultNames(), ...COUNTED].map((name): [string, number] => [
    name,
    world.counts.get(name) ?? 0,
  ]);
  return new Map([
    ["promised", world.clients.promised.size],
    ["written", world.databases.all("SELECT 1 FROM inserted").length],
    ["dead in the end", inLedgers("SELECT 1 FROM batches WHERE state = 'dead'")],
    [
      "replayed and written",
      inLedgers("SELECT 1 FROM batches WHERE replays > 0 AND state = 'written'"),
    ],
    ["dropped by operators", inLedgers("SELECT 1 FROM gone WHERE state = 'dead'")],
    ["forgotten by the ledger", inLedgers("SELECT 1 FROM gone WHERE state = 'written'")],
    ["deleted by retention", world.databases.all("SELECT 1 FROM deleted").length],
    ...counted,
  ]);
}
