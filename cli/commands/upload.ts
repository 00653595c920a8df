import { setTimeout as sleep } from "node:timers/promises";
import * as v from "valibot";
import type { Service } from "../delivery/connection.ts";
import { Courier } from "../delivery/courier.ts";
import { Deadline } from "../delivery/deadline.ts";
import { Pace } from "../delivery/pace.ts";
import { EXIT } from "../exit-codes.ts";
import { importing, readUploads } from "../importing.ts";
import { type Interrupt, onInterrupt } from "../interrupt.ts";
import { GRACE_MS, OLDER_AT_ONCE } from "../limits.ts";
import { Output } from "../output.ts";
import { reportDeliveries } from "../report.ts";
import { findService, parseOptions, Positive, remote, Whole } from "../settings.ts";
import { findSources, type Source } from "../sources.ts";
import type { NewEntry } from "../spool/entry.ts";
import { openSpool } from "../spool/open.ts";
import type { Spool } from "../spool/spool.ts";

/** Options of the commands that send. */
export const sending = {
  ...remote,
  wait: v.optional(v.boolean(), false),
  deadline: v.optional(Positive, "60"),
  concurrency: v.optional(Whole, "8"),
  rate: v.optional(Positive, "50"),
};

const Options = v.object({
  ...sending,
  ...importing,
  failOnError: v.optional(v.boolean(), false),
});
type Options = v.InferOutput<typeof Options>;

/**
 * `millrace upload`: reads reports into the spool, sends them, and then what older runs left
 * there for the same address. Delivery trouble is no failure of the build unless asked for: the
 * spool has it.
 */
export async function upload(names: string[], given: unknown): Promise<number> {
  const options = parseOptions(Options, given);
  const output = new Output(options.json);
  const interrupt = onInterrupt();
  const { found, single, missing } = await findSources(names);
  const service = findService(options);
  const reach = { address: service.connection?.url ?? "" };
  const spool = openSpool(options, reach, output);
  const progress = output.progress("uploads", found.length);
  const courier = courierOf(spool, service, options, interrupt, progress.step);

  const wrong = await readAll(found, options, single, interrupt, (entry) => courier.post(entry));
  const faults = [...missing.map((each) => `${each.name}: ${each.reason}`), ...wrong];
  await courier.takeNext(OLDER_AT_ONCE, false);
  await courier.finish();
  progress.stop();

  const { deliveries, troubles } = courier;
  const { undelivered } = reportDeliveries(output, spool, { deliveries, faults, troubles });
  spool.close();
  const failed = options.failOnError && undelivered > 0 ? EXIT.failed : EXIT.done;
  return interrupt.exitCode() ?? (faults.length > 0 ? EXIT.wrongInput : failed);
}

/** A courier with the pace and the deadline of the options. */
export function courierOf(
  spool: Spool,
  service: Service,
  options: v.InferOutput<v.ObjectSchema<typeof sending, undefined>>,
  interrupt: Interrupt,
  step: () => void,
): Courier {
  const { wait, rate, concurrency } = options;
  const deadline = new Deadline(options.deadline * 1000);
  const signal = AbortSignal.any([interrupt.signal, deadline.signal]);
  const pace = new Pace({ rate, concurrency, signal, deadline });
  return new Courier(spool, { service, pace, signal, deadline, wait }, step);
}

/**
 * Reads each file, until the grace ends that follows a signal. Standard input and pipes come last:
 * while they stay open nothing else must wait to be kept.
 * @returns what is wrong, a line each; nothing of it stops the others.
 */
async function readAll(
  sources: readonly Source[],
  options: Options,
  single: boolean,
  interrupt: Interrupt,
  onUpload: (entry: NewEntry) => void,
): Promise<string[]> {
  const faults: string[] = [];
  const unread = new Set(sources.toSorted((one, other) => Number(one.waits) - Number(other.waits)));
  let over = false;
  const read = async () => {
    for (const source of unread) {
      for await (const entries of readUploads(source, options, single, faults)) {
        // By now the account is made, and the spool is closed.
        if (over) return;
        for (const entry of entries) onUpload(entry);
      }
      if (over) return;
      unread.delete(source);
    }
  };
  await untilGraceEnds(read(), interrupt);
  over = true;
  const left = Array.from(
    unread,
    ({ name }) => `${name}: not read to its end before the interrupt`,
  );
  return [...faults, ...left];
}

/** After a signal the rest is still read, since the spool is there for it, but not for long. */
async function untilGraceEnds(reading: Promise<void>, { signal }: Interrupt): Promise<void> {
  const done = new AbortController();
  const graceEnds = new Promise<void>((resolve) => {
    const begin = () =>
      void sleep(GRACE_MS, undefined, { signal: done.signal }).then(resolve, resolve);
    if (signal.aborted) begin();
    else signal.addEventListener("abort", begin, { once: true });
  });
  await Promise.race([reading, graceEnds]);
  done.abort();
}
