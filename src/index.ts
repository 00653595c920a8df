import { audit } from "./durable/audit.ts";
import { ledgerPort } from "./durable/shards.ts";
import { consumeDeadLetters, isDeadLetterQueue } from "./queue/dead-letters.ts";
import { consumeTickets } from "./queue/writer.ts";
import { createRouter } from "./router/index.ts";
import { routesOf } from "./router/routes.ts";
import { openStream } from "./store/index.ts";
import { retain } from "./store/retention.ts";
import { STREAMS, streamNamed } from "./streams/index.ts";
import type { Stream } from "./streams/stream.ts";

export { BatchLedger } from "./durable/batch-ledger.ts";

/** The whole service: uploads come in, their tickets come back, the clock strikes. */
export function createService(streams: readonly Stream[]) {
  const route = createRouter(streams, routesOf(streams));

  return {
    fetch: (request: Request, env: Env) => route(request, env),

    async queue(batch, env) {
      const ledger = ledgerPort(env);
      if (isDeadLetterQueue(batch.queue)) return consumeDeadLetters(batch.messages, ledger);
      const stream = (name: string) => {
        const known = streamNamed(streams, name);
        return known && openStream(known, env);
      };
      return consumeTickets(batch.messages, { ledger, stream });
    },

    async scheduled({ scheduledTime }, env) {
      // Neither throws, nor waits for the other.
      await Promise.all([retain(streams, env, scheduledTime), audit(streams, env, scheduledTime)]);
    },
  } satisfies ExportedHandler<Env>;
}

export default createService(STREAMS);
