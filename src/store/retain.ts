import { retentionDays } from "../config.ts";
import { log, logError, reasonOf } from "../log.ts";
import type { Stream } from "../streams/stream.ts";
import { openStream } from "./index.ts";
import { deleteExpired } from "./retention.ts";

/** Deletes what is past each stream's retention. A stream that fails does not stop the others. */
export async function retain(streams: readonly Stream[], env: Env, now: number): Promise<void> {
  for (const stream of streams) {
    const started = Date.now();
    try {
      const { sql } = openStream(stream, env);
      if (!sql) continue;
      const days = retentionDays(env, stream.name, stream.retentionDays);
      const cutoff = new Date(now - days * 24 * 60 * 60 * 1000).toISOString();
      const { rows, runs, more } = await deleteExpired(sql, stream, cutoff);
      const duration_ms = Date.now() - started;
      log("retention.deleted", { stream: stream.name, cutoff, rows, runs, more, duration_ms });
    } catch (error) {
      logError("retention.failed", { stream: stream.name, reason: reasonOf(error) });
    }
  }
}
