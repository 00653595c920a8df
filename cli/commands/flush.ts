import { existsSync } from "node:fs";
import * as v from "valibot";
import { EXIT } from "../exit-codes.ts";
import { onInterrupt } from "../interrupt.ts";
import { OLDER_AT_ONCE } from "../limits.ts";
import { Output } from "../output.ts";
import { reportDeliveries } from "../report.ts";
import { Address, connectionOf, parseOptions, spoolPathOf, variable } from "../settings.ts";
import type { Entry } from "../spool/entry.ts";
import { Spool } from "../spool/spool.ts";
import { moveToSpool } from "../telemetry/move.ts";
import { courierOf, sending } from "./upload.ts";

const Options = v.object({
  ...sending,
  refused: v.optional(v.boolean(), false),
  from: v.optional(v.array(Address), []),
  telemetry: v.optional(v.array(v.string())),
});

/**
 * `millrace flush`: sends what the spool keeps for the address, and the new rows of the telemetry
 * stores. Not done while any of that waits, be it for another process that has claimed it, nor where
 * the spool failed. What is for other addresses stays, and is told of.
 */
export async function flush(given: unknown): Promise<number> {
  const options = parseOptions(Options, given);
  const output = new Output(options.json);
  const interrupt = onInterrupt();
  const connection = connectionOf(options);
  const reach = { address: connection.url, from: options.from };
  const spool = new Spool(spoolPathOf(options), reach);
  const courier = courierOf(spool, { connection }, options, interrupt, () => {});
  const faults: string[] = [];

  const configured = variable("MILLRACE_TELEMETRY");
  for (const path of options.telemetry ?? (configured ? [configured] : [])) {
    if (existsSync(path)) faults.push(...(await moveToSpool(path, spool)));
    else faults.push(`${path}: there is no such telemetry store`);
  }
  // What fails is free to be claimed again; once is enough for one run.
  let last: Entry | undefined;
  do last = await courier.takeNext(OLDER_AT_ONCE, options.refused, last);
  while (last);
  await courier.finish();
  const { deliveries, troubles } = courier;
  const told = { deliveries, faults, troubles };
  const { undelivered, waiting } = reportDeliveries(output, spool, told);
  spool.close();
  const failed = undelivered + waiting + troubles.size > 0 ? EXIT.failed : EXIT.done;
  return interrupt.exitCode() ?? (faults.length > 0 ? EXIT.wrongInput : failed);
}
