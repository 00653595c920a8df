import { randomUUID } from "node:crypto";
import { hostname } from "node:os";

/** Names this process among all that use a spool. The random part tells two lives of one pid apart. */
export const PROCESS_NAME = `${hostname()} ${process.pid} ${randomUUID()}`;

/**
 * Whether the process of that name is surely gone. Where it cannot be told, on another
 * machine, it counts as alive until its claim runs out.
 */
export function isGone(name: string): boolean {
  if (name === PROCESS_NAME) return false;
  const [host, pid] = name.split(" ");
  if (host !== hostname()) return false;
  if (Number(pid) === process.pid) return true;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch (error) {
    // EPERM: it lives, under another user.
    return !(error instanceof Error && "code" in error && error.code === "EPERM");
  }
}
