import service from "../../src/index.ts";

export { BatchLedger } from "../../src/index.ts";

const gate = { open: false };

/**
 * The service with its consumer held back: the queue waits for the first delivery to end, so
 * what is accepted piles up until `/bench/release` is called. Then it is written at full speed.
 */
export default {
  ...service,
  fetch(request, env) {
    if (new URL(request.url).pathname !== "/bench/release") return service.fetch(request, env);
    gate.open = true;
    return new Response(null, { status: 204 });
  },
  async queue(batch, env) {
    // By the clock: an event that waits for another one's promise is cancelled by the runtime.
    while (!gate.open) await scheduler.wait(20);
    await service.queue(batch, env);
  },
} satisfies ExportedHandler<Env>;
