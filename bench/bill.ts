import * as v from "valibot";
import type { Running } from "./contestant.ts";
import { load } from "./load.ts";
import { BAR } from "./settings.ts";

const Meters = v.object({
  d1Rows: v.number(),
  ledgerRows: v.number(),
  ledgerRequests: v.number(),
  queueMessages: v.number(),
  alarms: v.number(),
});

/** US dollars for a million, beyond what the paid plan includes. */
export const PRICES = {
  request: 0.3,
  ledgerRequest: 0.15,
  ledgerRow: 1,
  d1Row: 1,
  queueOperation: 0.4,
};

/** Where Cloudflare publishes them. */
export const PRICE_LISTS = [
  "https://developers.cloudflare.com/d1/platform/pricing/",
  "https://developers.cloudflare.com/durable-objects/platform/pricing/",
  "https://developers.cloudflare.com/queues/platform/pricing/",
  "https://developers.cloudflare.com/workers/platform/pricing/",
];

/** What one batch costs, as the runtime counts it. */
export interface Bill {
  contestant: string;
  results: number;
  batches: number;
  d1Rows: number;
  ledgerRows: number;
  ledgerRequests: number;
  /** A message is written, read and deleted. */
  queueOperations: number;
  dollarsPerMillionBatches: number;
  dollarsPerMillionResults: number;
}

/** Loads a metered copy of a service, and reads what it would be billed. Its speed is not measured. */
export async function bill(
  contestant: string,
  start: () => Promise<Running>,
  results: number,
): Promise<Bill> {
  const running = await start();
  try {
    const { url, token } = running;
    const settings = { url, token, results, connections: BAR.connections, status: 201 as const };
    await load({ ...settings, seconds: 2 });
    await settled();
    const before = Number(await running.written?.count());
    await metersOf(url);
    await load({ ...settings, seconds: 2 });
    await settled();
    const meters = await metersOf(url);
    const batches = Number(await running.written?.count()) - before;
    const each = {
      d1Rows: meters.d1Rows / batches,
      ledgerRows: meters.ledgerRows / batches,
      ledgerRequests: meters.ledgerRequests / batches,
      queueOperations: (meters.queueMessages * 3) / batches,
    };
    // An invocation of the consumer is a request too; it takes as many batches as wait.
    const dollars =
      PRICES.request +
      each.ledgerRequests * PRICES.ledgerRequest +
      each.ledgerRows * PRICES.ledgerRow +
      each.d1Rows * PRICES.d1Row +
      each.queueOperations * PRICES.queueOperation;
    const dollarsPerMillionResults = dollars / results;
    return {
      contestant,
      results,
      batches,
      ...each,
      dollarsPerMillionBatches: dollars,
      dollarsPerMillionResults,
    };
  } finally {
    await running.stop();
  }
}

async function metersOf(url: string) {
  return v.parse(Meters, await (await fetch(`${url}/bench/meters`)).json());
}

/** Time for what the end of the load cut off. */
function settled(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 2_000));
}
