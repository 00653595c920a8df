import { closeSync, existsSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import type { DatabaseSync } from "node:sqlite";
import { BUSY_TIMEOUT_MS } from "./limits.ts";
import { requireSqlite } from "./node-version.ts";

/**
 * Opens a SQLite file for several processes at once, and makes its directory. What is
 * committed survives the process's death at any moment (WAL, synchronous NORMAL), unless
 * `survive` asks for more.
 * @param schema run in one transaction; must be safe to repeat.
 * @throws Error where the file cannot be made, or is no database.
 */
export function openDatabase(path: string, schema: string): DatabaseSync {
  requireSqlite();
  makeDirectory(dirname(path));
  // Not imported: on Node 22 the mere import prints a warning, before we could keep it quiet.
  const { DatabaseSync } = process.getBuiltinModule("node:sqlite");
  const db = new DatabaseSync(path);
  db.exec(`PRAGMA busy_timeout = ${BUSY_TIMEOUT_MS}`);
  whenFree(() => db.exec("PRAGMA journal_mode = WAL"));
  db.exec("PRAGMA synchronous = NORMAL");
  whenFree(() => transaction(db, () => db.exec(schema)));
  return db;
}

/** What shall not undo what is committed from now on. To survive the machine, each commit waits for the disk. */
export function survive(db: DatabaseSync, death: "of process" | "of machine"): void {
  db.exec(`PRAGMA synchronous = ${death === "of machine" ? "FULL" : "NORMAL"}`);
}

/** Makes an empty file with that mode, and its directory; SQLite gives the files beside it the same. */
export function makeFile(path: string, mode: number): void {
  makeDirectory(dirname(path));
  closeSync(openSync(path, "a", mode));
}

/**
 * Makes a directory and those above it. Node's own recursive `mkdirSync` never returns where
 * the system refuses with ENOENT though the directory above is there, as under `/proc`.
 */
function makeDirectory(path: string): void {
  if (existsSync(path)) return;
  makeDirectory(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    // Another process may have made it in between.
    if (!existsSync(path)) throw error;
  }
}

/** Runs `work` in one transaction, which takes the write lock at its start. */
export function transaction<Result>(db: DatabaseSync, work: () => Result): Result {
  db.exec("BEGIN IMMEDIATE");
  try {
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    try {
      db.exec("ROLLBACK");
    } catch {
      // A disk that is full has rolled it back already; what matters is the first error.
    }
    throw error;
  }
}

/** Two processes that both make the file WAL: SQLite tells one of them "locked" without waiting. */
function whenFree(work: () => void): void {
  const giveUp = Date.now() + BUSY_TIMEOUT_MS;
  for (;;) {
    try {
      work();
      return;
    } catch (error) {
      const locked = error instanceof Error && /locked|busy/.test(error.message);
      if (!locked || Date.now() > giveUp) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
    }
  }
}
