import service, { BatchLedger as Ledger } from "../../src/index.ts";

/** What the platform would bill, as the runtime's own interfaces report it. */
const meters = { d1Rows: 0, ledgerRows: 0, ledgerRequests: 0, queueMessages: 0, alarms: 0 };

/** Cursors count the rows they wrote once they are read to their end, so they are asked late. */
const cursors: SqlStorageCursor<Record<string, SqlStorageValue>>[] = [];

/** The service's own ledger, counted. */
export class BatchLedger extends Ledger {
  constructor(ctx: DurableObjectState, env: Env) {
    meterLedger(ctx.storage);
    super(ctx, env);
  }

  override accept(...args: Parameters<Ledger["accept"]>): ReturnType<Ledger["accept"]> {
    meters.ledgerRequests += 1;
    return super.accept(...args);
  }

  override claim(...args: Parameters<Ledger["claim"]>): ReturnType<Ledger["claim"]> {
    meters.ledgerRequests += 1;
    return super.claim(...args);
  }

  override settle(...args: Parameters<Ledger["settle"]>): void {
    meters.ledgerRequests += 1;
    super.settle(...args);
  }
}

/** The service, with its bill at `/bench/meters`; reading it starts a new one. */
export default {
  ...service,
  async fetch(request, env) {
    meterEnvironment(env);
    if (new URL(request.url).pathname !== "/bench/meters") return service.fetch(request, env);
    meters.ledgerRows = cursors.splice(0).reduce((sum, cursor) => sum + cursor.rowsWritten, 0);
    const answer = Response.json(meters);
    for (const name of ["d1Rows", "ledgerRows", "ledgerRequests", "queueMessages"] as const) {
      meters[name] = 0;
    }
    return answer;
  },
} satisfies ExportedHandler<Env>;

const metered = new WeakSet<object>();

/** Replaces a method for all objects of this class. */
function wrap(object: object, method: string, after: (args: unknown[], result: unknown) => void) {
  const prototype: unknown = Object.getPrototypeOf(object);
  if (typeof prototype !== "object" || prototype === null) return;
  const original: unknown = Reflect.get(prototype, method);
  if (typeof original !== "function" || metered.has(original)) return;
  const replacement = function (this: unknown, ...args: unknown[]): unknown {
    const result: unknown = Reflect.apply(original, this, args);
    after(args, result);
    return result;
  };
  metered.add(replacement);
  Reflect.set(prototype, method, replacement);
}

function meterLedger(storage: DurableObjectStorage): void {
  wrap(storage.sql, "exec", (_args, result) => {
    if (isCursor(result)) cursors.push(result);
  });
  wrap(storage, "setAlarm", () => {
    meters.alarms += 1;
  });
}

function isCursor(value: unknown): value is SqlStorageCursor<Record<string, SqlStorageValue>> {
  return typeof value === "object" && value !== null && "rowsWritten" in value;
}

function meterEnvironment(env: Env): void {
  wrap(env.QUEUE, "send", () => {
    meters.queueMessages += 1;
  });
  wrap(env.QUEUE, "sendBatch", ([messages]) => {
    if (Array.isArray(messages)) meters.queueMessages += messages.length;
  });
  if (!env.DB) return;
  wrap(env.DB, "batch", (_args, result) => {
    void Promise.resolve(result).then(countRows, () => {});
  });
}

function countRows(results: unknown): void {
  if (!Array.isArray(results)) return;
  for (const result of results) {
    const meta: unknown = Reflect.get(result, "meta");
    if (typeof meta === "object" && meta !== null) {
      meters.d1Rows += Number(Reflect.get(meta, "rows_written"));
    }
  }
}
