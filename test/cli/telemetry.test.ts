import { execFileSync } from "node:child_process";
import { cpSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, test, vi } from "vitest";
import { Spool } from "../../cli/spool/spool.ts";
import { createTelemetryStore } from "../../cli/telemetry/index.ts";
import { moveToSpool } from "../../cli/telemetry/move.ts";
import { newFolder } from "../folder.ts";
import { dist } from "./bundle.ts";

afterEach(() => void vi.restoreAllMocks());

const ENTRY = { repo: "a/b", eventType: "pull_request", model: "m", conclusion: "success" };

function newStore() {
  const dbPath = join(newFolder(), "deep", "telemetry.db");
  return { dbPath, store: createTelemetryStore({ dbPath }) };
}

function rowsOf(dbPath: string) {
  const db = new DatabaseSync(dbPath);
  const rows = db.prepare("SELECT * FROM executions ORDER BY id").all();
  db.close();
  return rows;
}

test("an entry is a row, with the defaults where it says nothing", ({ expect }) => {
  const { dbPath, store } = newStore();
  store.record(ENTRY);
  store.record({
    ...ENTRY,
    deliveryId: "d",
    prNumber: 7,
    provider: "other",
    inputTokens: 1,
    outputTokens: 2,
    cacheReadTokens: 3,
    cacheCreationTokens: 4,
    durationMs: 5.5,
    costUsd: 0.25,
    sessionId: "s",
    numTurns: 6,
    stopReason: "end_turn",
  });
  const [plain, full] = rowsOf(dbPath);
  expect(plain).toMatchObject({
    repo: "a/b",
    provider: "anthropic",
    input_tokens: 0,
    output_tokens: 0,
    cache_read_tokens: 0,
    cache_creation_tokens: 0,
    duration_ms: 0,
    cost_usd: 0,
    delivery_id: null,
    pr_number: null,
  });
  expect(full).toMatchObject({
    delivery_id: "d",
    pr_number: 7,
    provider: "other",
    cache_creation_tokens: 4,
    duration_ms: 5.5,
    cost_usd: 0.25,
    num_turns: 6,
    stop_reason: "end_turn",
  });
  store.close();
});

test("the table has its indexes, and the file is in WAL mode", ({ expect }) => {
  const { dbPath, store } = newStore();
  const db = new DatabaseSync(dbPath);
  const names = db.prepare("SELECT name FROM pragma_index_list('executions')").all();
  expect(names.map(({ name }) => name)).toEqual(
    expect.arrayContaining(["executions_created_at", "executions_repo"]),
  );
  expect(db.prepare("PRAGMA journal_mode").get()).toEqual({ journal_mode: "wal" });
  db.close();
  store.close();
});

test("what the service would refuse is refused when it is recorded", ({ expect }) => {
  const { store } = newStore();
  expect(() => store.record({ ...ENTRY, repo: "" })).toThrow("repo must not be empty");
  expect(() => store.record({ ...ENTRY, inputTokens: -1 })).toThrow("input_tokens");
  store.close();
});

test("purging deletes what is older, and says how many", ({ expect }) => {
  const { dbPath, store } = newStore();
  for (let index = 0; index < 3; index++) store.record(ENTRY);
  const db = new DatabaseSync(dbPath);
  db.exec("UPDATE executions SET created_at = datetime('now', '-91 days') WHERE id < 3");
  db.close();
  expect([store.purgeOlderThan(90), store.purgeOlderThan(90)]).toEqual([2, 0]);
  store.close();
});

test("every 1,000 writes there is a checkpoint", ({ expect }) => {
  const dbPath = join(newFolder(), "telemetry.db");
  const said: string[] = [];
  const logger = { debug: (message: string) => void said.push(message) };
  const store = createTelemetryStore({ dbPath, logger });
  for (let index = 0; index < 2_000; index++) store.record(ENTRY);
  expect(said).toEqual(["telemetry: checkpoint", "telemetry: checkpoint"]);
  store.checkpoint();
  store.close();
  store.close();
});

/** A database as Node 22.13 has it, which does not say whether it is open. */
class OldDatabase {
  readonly #db: DatabaseSync;
  constructor(path: string) {
    this.#db = new DatabaseSync(path);
  }
  exec(text: string) {
    this.#db.exec(text);
  }
  prepare(text: string) {
    return this.#db.prepare(text);
  }
  close() {
    this.#db.close();
  }
}

test("a store is closed on Node 22.13 too", ({ expect }) => {
  vi.spyOn(process, "getBuiltinModule").mockReturnValue({ DatabaseSync: OldDatabase });
  const { dbPath, store } = newStore();
  store.record(ENTRY);
  expect(existsSync(`${dbPath}-wal`)).toBe(true);
  store.close();
  expect(existsSync(`${dbPath}-wal`)).toBe(false);
});

test("a flush that was killed before the spool had the chunk makes the same batch again", async ({
  expect,
}) => {
  const { dbPath, store } = newStore();
  store.record(ENTRY);
  const first = new Spool(join(newFolder(), "spool.db"));
  await moveToSpool(dbPath, first);
  const db = new DatabaseSync(dbPath);
  db.exec("UPDATE execution_chunks SET spooled_at = NULL");
  db.close();
  store.record(ENTRY);
  // The rows of a chunk that is not surely in the spool must not change.
  expect(store.purgeOlderThan(0)).toBeLessThanOrEqual(1);
  const second = new Spool(join(newFolder(), "spool.db"));
  await moveToSpool(dbPath, second);
  const [entry] = first.list();
  expect(second.list()[0]).toMatchObject({ batch_id: entry?.batch_id, rows: 1 });
  store.close();
});

test("what a flush has moved outlives the machine, in the store and in the spool", async ({
  expect,
}) => {
  const { dbPath, store } = newStore();
  store.record(ENTRY);
  store.close();
  const seen: unknown[] = [];
  class Watched extends DatabaseSync {
    override prepare(text: string) {
      const [, table] = /INSERT INTO (execution_chunks|uploads)/.exec(text) ?? [];
      if (table) seen.push([table, super.prepare("PRAGMA synchronous").get()]);
      return super.prepare(text);
    }
  }
  vi.spyOn(process, "getBuiltinModule").mockReturnValue({ DatabaseSync: Watched });
  await moveToSpool(dbPath, new Spool(join(newFolder(), "spool.db")));
  const full = { synchronous: 2 };
  expect(seen).toEqual([
    ["execution_chunks", full],
    ["uploads", full],
  ]);
});

test("the package's entry has its types and runs", ({ expect }) => {
  const folder = newFolder();
  cpSync(dist, folder, { recursive: true });
  writeFileSync(
    join(folder, "use.ts"),
    `import { createTelemetryStore, type TelemetryEntry } from "./telemetry.js";
const entry: TelemetryEntry = { repo: "a/b", eventType: "e", model: "m", conclusion: "c" };
const store = createTelemetryStore({ dbPath: process.argv[2] ?? "", logger: console });
store.record(entry);
console.log(store.purgeOlderThan(1));
store.close();
// @ts-expect-error a repo is needed
store.record({ eventType: "e", model: "m", conclusion: "c" });
`,
  );
  const options = ["--strict", "--noEmit", "--module", "nodenext", "--types", "node"];
  const roots = ["--typeRoots", join(process.cwd(), "node_modules/@types")];
  execFileSync("tsc", ["--ignoreConfig", ...options, ...roots, join(folder, "use.ts")]);
  expect(readFileSync(join(folder, "telemetry.d.ts"), "utf8")).not.toContain("import");
});
