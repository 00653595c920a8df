import manifest from "../../package.json" with { type: "json" };
import { json } from "./route.ts";

/** The service's version, as released. */
export const VERSION: string = manifest.version;

/** GET /healthz: liveness. It asks nothing of the database or the queue, which the ledger outlives. */
export function health(): Response {
  return json({ status: "ok", version: VERSION, time: new Date().toISOString() });
}
