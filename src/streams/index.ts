import { batchMetrics } from "./batch-metrics.ts";
import { executions } from "./executions.ts";
import type { Stream } from "./stream.ts";

/** Every stream the service takes. A new one is a file, a line here, and a folder in `migrations/`. */
export const STREAMS: readonly Stream[] = [batchMetrics, executions];

/** The stream of that name, as tickets and the paths of dead letters carry it. */
export function streamNamed(streams: readonly Stream[], name: string): Stream | undefined {
  return streams.find((stream) => stream.name === name);
}
