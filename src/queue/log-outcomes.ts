import { log, logError, type LogFields } from "../log.ts";
import type { Delivery } from "./delivery.ts";
import { batchOf, type Claim, type Report } from "./ticket.ts";

/*
 * A delivery has up to 10,000 batches, and the platform cuts off what one consumer logs beyond
 * 256 KB. So batches that fare alike share a line, which names the batch if it is about one.
 */

interface Reported {
  delivery: Delivery;
  report: Report;
}

/**
 * Logs what became of batches of one shard.
 * @param started when their group was begun, in milliseconds since 1970.
 */
export function logOutcomes(reported: readonly Reported[], started: number): void {
  for (const [outcome, ended] of Map.groupBy(reported, ({ report }) => report.outcome)) {
    for (const alike of Map.groupBy(ended, ({ report }) => reasonIn(report)).values()) {
      LINES[outcome](fieldsOf(alike, started));
    }
  }
}

const LINES: Record<Report["outcome"], (fields: LogFields) => void> = {
  written: (fields) => log("batches.written", fields),
  failed: (fields) => log("batches.retried", fields),
  dead: (fields) => logError("batches.dead", fields),
  conflict: (fields) => logError("batches.conflict", fields),
};

/** Logs that the batches of tickets that came again were settled, or forgotten, meanwhile. */
export function logPassedOver(
  passed: readonly { delivery: Delivery; claim: Claim }[],
  started: number,
): void {
  for (const [state, alike] of Map.groupBy(passed, ({ claim }) => claim.state)) {
    log("tickets.passed-over", { ...commonOf(alike, started), state });
  }
}

/** Logs that batches of one shard are dead because the queue gave up on them. */
export function logBuried(shard: number, keys: readonly string[]): void {
  for (const [stream, alike] of Map.groupBy(keys.map(batchOf), (batch) => batch.stream)) {
    logError("batches.dead", { stream, ...namesOf(alike), shard });
  }
}

function fieldsOf(reported: readonly Reported[], started: number): LogFields {
  const [first] = reported;
  const shard = first?.delivery.ticket.shard;
  return { ...commonOf(reported, started), shard, reason: first && reasonIn(first.report) };
}

function commonOf(of: readonly { delivery: Delivery }[], started: number): LogFields {
  const tickets = of.map(({ delivery }) => delivery.ticket);
  const messages = of.flatMap(({ delivery }) => [...delivery.messages]);
  return {
    stream: tickets[0]?.stream,
    ...namesOf(tickets),
    attempt: messages.reduce((max, { attempts }) => Math.max(max, attempts), 0),
    duration_ms: Date.now() - started,
  };
}

function namesOf(batches: readonly { batch_id: string }[]): LogFields {
  const [first] = batches;
  return { batch_id: batches.length === 1 ? first?.batch_id : undefined, batches: batches.length };
}

function reasonIn(report: Report): string | undefined {
  return "reason" in report ? report.reason : undefined;
}
