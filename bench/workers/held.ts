import service from "../../src/index.ts";

export { BatchLedger } from "../../src/index.ts";

const { promise: released, resolve: release } = Promise.withResolvers<void>();

/**
 * The service with its consumer held back: the queue waits for the first delivery to end, so
 * what is accepted piles up until `/bench/release` is called. Then it is written at full speed.
 */
export default {
  ...service,
  fetch(request, env) {
    if (new URL(request.url).pathname !== "/bench/release") return service.fetch(request, env);
    release();
    return new Response(null, { status: 204 });
  },
  async queue(batch, env) {
    await released;
    await service.queue(batch, env);
  },
} satisfies ExportedHandler<Env>;
