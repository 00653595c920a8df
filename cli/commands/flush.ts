import { existsSync } from "node:fs";
import * as v from "valibot";
import { EXIT } from "../exit-codes.ts";
import { onInterrupt } from "../interrupt.ts";
import { OLDER_AT_ONCE } from "../limits.ts";
import { Output } from "../output.ts";
import { reportDeliveries } from "../report.ts";
import { connectionOf, parseOptions, spoolPathOf, variable } from "../settings.ts";
import { Spool } from "../spool/spool.ts";
import { moveToSpool } from "../telemetry/move.ts";
import { courierOf, sending } from "./upload.ts";

const Options = v.object({
  ...sending,
  refused: v.optional(v.boolean(), false),
  telemetry: v.optional(v.array(v.string()), []),
});

/** `millrace flush`: sends what the spool keeps, and the new rows of the telemetry stores. */
export async function flush(given: unknown): Promise<number> {
  const options = parseOptions(Options, given);
  const output = new Output(options.json);
  const interrupt = onInterrupt();
  const spool = new Spool(spoolPathOf(options));
  const courier = courierOf(spool, connectionOf(options), options, interrupt, () => {});
  const faults: string[] = [];

  for (const path of telemetryPaths(options.telemetry)) {
    if (existsSync(path)) await moveToSpool(path, spool);
    else faults.push(`${path}: there is no such telemetry store`);
  }
  for (;;) {
    const ids = spool.claim(OLDER_AT_ONCE, options.refused);
    for (const kept of ids) courier.take(kept);
    await courier.finish();
    // What fails is free to be claimed again; once is enough for one run.
    const stayed = courier.deliveries.some(
      ({ state }) => state === "spooled" || state === "refused",
    );
    if (ids.length < OLDER_AT_ONCE || stayed) break;
  }
  const { deliveries, troubles } = courier;
  const { undelivered } = reportDeliveries(output, spool, { deliveries, faults, troubles });
  spool.close();
  const failed = undelivered > 0 ? EXIT.failed : EXIT.done;
  return interrupt.exitCode() ?? (faults.length > 0 ? EXIT.wrongInput : failed);
}

/** Of the flags, or of `MILLRACE_TELEMETRY`. */
function telemetryPaths(given: readonly string[]): readonly string[] {
  const named = given.filter((path) => path !== "");
  const configured = variable("MILLRACE_TELEMETRY");
  return named.length > 0 || !configured ? named : [configured];
}
