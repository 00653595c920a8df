import { retentionDays } from "../config.ts";
import { log, logError, reasonOf } from "../log.ts";
import type { Stream } from "../streams/stream.ts";
import { openStream } from "./index.ts";
import { deleteExpired } from "./retention.ts";

/** Deletes what is past each stream's retention. A database that fails does not stop the others. */
export async function retain(streams: readonly Stream[], env: Env, now: number): Promise<void> {
  for (const stream of streams) {
    const { databases } = openStream(stream, env);
    for (const [database, sql] of databases.entries()) {
      const started = Date.now();
      try {
        const days = retentionDays(env, stream.name, stream.retentionDays);
        const cutoff = new Date(now - days * 24 * 60 * 60 * 1000).toISOString();
        const deleted = await deleteExpired(sql, stream, cutoff);
        const duration_ms = Date.now() - started;
        log("retention.deleted", {
          stream: stream.name,
          database,
          cutoff,
          ...deleted,
          duration_ms,
        });
      } catch (error) {
        const reason = reasonOf(error);
        logError("retention.failed", { stream: stream.name, database, reason });
      }
    }
  }
}
