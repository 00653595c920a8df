import { logError, reasonOf } from "../log.ts";
import { CULPRIT_ATTEMPTS, GROUP_TRANSACTIONS, MAX_REASON_LENGTH } from "../limits.ts";
import { type Destination, insertOnce, Looks, type PlacedBatch } from "../store/databases.ts";
import { type Failure, failureOf } from "../store/failure.ts";
import type { OpenStream } from "../store/index.ts";
import type { InsertOutcome } from "../store/insert-group.ts";
import { decodeBody } from "../streams/body.ts";
import type { Stream, StreamSink, Tables } from "../streams/stream.ts";
import type { Attempt, Report } from "./ticket.ts";

/** A batch whose body the ledger has given out. */
export interface PendingBatch extends PlacedBatch {
  key: string;
  /** How often it had been replayed then, for the report. */
  replays: number;
  /** How often it could not be written, and why the last time. */
  attempts: number;
  reason: string | null;
}

/** Writes batches of one stream, and tells of each what became of it. Throws nothing. */
export async function writeBatches(open: OpenStream, batches: PendingBatch[]): Promise<Report[]> {
  const { stream, databases, sink } = open;
  if (batches.length === 0) return [];
  if (sink) return Promise.all(batches.map((batch) => writeToSink(stream, sink, batch)));
  const { tables } = stream;
  if (!tables || databases.length === 0) {
    const reason = `no database is bound for stream "${stream.name}"`;
    return batches.map((batch) => failed(batch, reason));
  }
  const looks = new Looks(databases, tables, batches);
  const groups = Map.groupBy(batches, (batch) => batch.database);
  const reports = [...groups].map(([number, group]) =>
    writeGroup({ stream, tables, databases, number, looks }, group, {
      transactions: GROUP_TRANSACTIONS,
    }),
  );
  return (await Promise.all(reports)).flat();
}

/** What the search for culprits may still take. */
interface Search {
  transactions: number;
}

/**
 * One transaction for the group. Where the content of a batch may be at fault, the group is
 * split until the culprit stands alone, and its neighbours are written. Where the database
 * is at fault, splitting would only ask more of it; and so that an unknown fault of its own
 * does not, the search has an end, and what is left comes again.
 */
async function writeGroup(
  to: Destination,
  batches: PendingBatch[],
  search: Search,
): Promise<Report[]> {
  search.transactions -= 1;
  try {
    const outcomes = await insertOnce(to, batches);
    return batches.map((batch) => reportOf(to.tables, batch, outcomes.get(batch.batch_id)));
  } catch (error) {
    const reason = reasonOf(error).slice(0, MAX_REASON_LENGTH);
    const failure = failureOf(reason);
    logError("store.write-failed", {
      stream: to.stream.name,
      database: to.number,
      batches: batches.length,
      failure,
      reason,
    });
    const [only] = batches;
    if (batches.length === 1 && only) return [failedAlone(only, failure, reason)];
    if (failure === "transient" || search.transactions <= 0) {
      return batches.map((batch) => failed(batch, reason));
    }
    const middle = Math.ceil(batches.length / 2);
    const halves = [batches.slice(0, middle), batches.slice(middle)];
    // In any order: what comes again must not find the search at its end in the same place.
    const reports: Report[] = [];
    for (const half of Math.random() < 0.5 ? halves : halves.toReversed()) {
      reports.push(...(await writeGroup(to, half, search)));
    }
    return reports;
  }
}

async function writeToSink(stream: Stream, sink: StreamSink, batch: PendingBatch): Promise<Report> {
  try {
    await sink.write(decodeBody(stream, batch.batch_id, batch.body));
    return { ...attemptOf(batch), outcome: "written", batch_run_id: null };
  } catch (error) {
    const reason = reasonOf(error).slice(0, MAX_REASON_LENGTH);
    // It may not be of SQL, so nothing in its words says that it can never be written.
    const failure = failureOf(reason) === "transient" ? "transient" : "unknown";
    return failedAlone(batch, failure, reason);
  }
}

function reportOf(
  { age }: Tables,
  batch: PendingBatch,
  outcome: InsertOutcome | undefined,
): Report {
  if (!outcome) return failed(batch, "the transaction was committed, but the run was not found");
  const { batch_run_id } = outcome;
  if (outcome.outcome === "conflict") {
    return {
      ...attemptOf(batch),
      outcome: "conflict",
      batch_run_id,
      written_digest: outcome.digest,
    };
  }
  const since = age.run === "accepted_at" && outcome.accepted_at;
  const dated = since && { dated_at: Date.parse(since) };
  return { ...attemptOf(batch), outcome: "written", batch_run_id, ...dated };
}

function failedAlone(batch: PendingBatch, failure: Failure, reason: string): Report {
  const dies = failure === "permanent" || (failure === "unknown" && isUsedUp(batch));
  return { ...attemptOf(batch), outcome: dies ? "dead" : "failed", reason };
}

/**
 * Whether an unknown error is the batch's last. The attempts are the ledger's count: the queue's is
 * of a message, which other batches may share. It counts transient errors too, so that after a long
 * outage all are used up: then the first unknown error is forgiven, and a second in a row is not.
 */
function isUsedUp({ attempts, reason }: PendingBatch): boolean {
  const again = reason !== null && failureOf(reason) !== "transient";
  return again && attempts + 1 >= CULPRIT_ATTEMPTS;
}

/** The report of a batch that could not be written this time. */
export function failed(batch: PendingBatch, reason: string): Report {
  return { ...attemptOf(batch), outcome: "failed", reason };
}

function attemptOf({ key, digest, replays, accepted_at }: PendingBatch): Attempt {
  return { key, digest, replays, accepted_at: Date.parse(accepted_at) };
}
