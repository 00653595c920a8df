import { createScheduledController, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, test, vi } from "vitest";
import { IDS_OF_A_DATABASE, RETENTION_ROWS, RETENTION_STATEMENTS } from "../../src/limits.ts";
import { type PendingBatch, writeBatches } from "../../src/queue/write-batches.ts";
import type { SqlValue } from "../../src/sql.ts";
import { createSqlStores } from "../../src/store/sql-store.ts";
import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import {
  ask,
  ASYNC,
  batch,
  post,
  result,
  shardFor,
  untilStatus,
  upload,
  withEnv,
} from "../client.ts";
import { admission } from "../durable/admission.ts";
import { faults } from "../faults.ts";
import { deletingBy, takeAway } from "../faulty-database.ts";
import worker from "../worker.ts";

const DATABASES = [env.DB, env.DB_1, env.DB_2].map((database) => {
  if (!database) throw new Error("these tests bind three databases");
  return database;
});

const RUN = {
  ecosystem: "homebrew",
  started_at: "2026-11-01T10:00:00Z",
  total_recipes: 0,
  passed: 0,
  failed: 0,
  skipped: 0,
};

const errors: string[] = [];
beforeEach(() => {
  errors.length = 0;
  vi.spyOn(console, "error").mockImplementation((line: unknown) => void errors.push(String(line)));
});
afterEach(() => vi.restoreAllMocks());

/** The rows of a query, database by database. */
async function rowsOfEach<Row>(text: string): Promise<Row[][]> {
  const answers = DATABASES.map((database) => database.prepare(text).all<Row>());
  return (await Promise.all(answers)).map(({ results }) => results);
}

/** In which databases a batch is. */
async function whereIs(batch_id: string): Promise<number[]> {
  const runs = await rowsOfEach<{ batch_id: string }>("SELECT batch_id FROM batch_runs");
  return runs.flatMap((own, number) =>
    own.flatMap((run) => (run.batch_id === batch_id ? [number] : [])),
  );
}

/** A batch_id that goes elsewhere than to the first database. */
async function movedId(): Promise<string> {
  for (let number = 0; ; number++) {
    const batch_id = `moved-${number}`;
    await post(batch({ batch_id }));
    const [home] = await whereIs(batch_id);
    await DATABASES[home ?? 0]?.exec("DELETE FROM recipe_results; DELETE FROM batch_runs");
    await forget(batch_id);
    if (home !== 0) return batch_id;
  }
}

/** Posts batches, and gives one that is in each of these databases. */
async function writtenIn(...numbers: number[]): Promise<(string | undefined)[]> {
  for (let index = 0; index < 12; index++) {
    await post(batch({ batch_id: `run-${index}`, total_recipes: 7 }));
  }
  const runs = await rowsOfEach<{ batch_id: string }>("SELECT batch_id FROM batch_runs");
  return numbers.map((number) => runs[number]?.[0]?.batch_id);
}

/** Batches of no rows, for the databases in turn. */
function pending(count: number): PendingBatch[] {
  return Array.from({ length: count }, (_, index) => ({
    key: `batch-metrics/run-${index}`,
    batch_id: `run-${index}`,
    digest: "d1",
    accepted_at: "2026-11-01T10:00:00Z",
    row_count: 0,
    body: { run: JSON.stringify(RUN), parts: ["[]"] },
    database: index % 3,
    replays: 0,
    attempts: 0,
    reason: null,
  }));
}

/** The ledger forgets a batch, as it does after its retention. */
function forget(batch_id: string) {
  return runInDurableObject(shardFor(batch_id), (_, { storage }) =>
    storage.sql.exec("DELETE FROM batches WHERE key = ?", `batch-metrics/${batch_id}`).toArray(),
  );
}

test("batches spread over the databases, each whole in one, and no two have the same id", async ({
  expect,
}) => {
  const results = [result(), result({ recipe_name: "zlib" })];
  const ids = Array.from({ length: 30 }, (_, index) => `run-${index}`);
  const answers = await Promise.all(ids.map((batch_id) => post(batch({ batch_id, results }))));
  const bodies = await Promise.all(
    answers.map((answer) => answer.json<{ batch_id: string; batch_run_id: number }>()),
  );
  expect(new Set(bodies.map(({ batch_run_id }) => batch_run_id)).size).toBe(30);

  const runs = await rowsOfEach<{ id: number; batch_id: string; rows: number }>(
    `SELECT id, batch_id, (SELECT count(*) FROM recipe_results WHERE batch_run_id = run.id) AS rows
     FROM batch_runs AS run`,
  );
  expect(runs.every((own) => own.length > 0)).toBe(true);
  expect(
    runs
      .flat()
      .map(({ batch_id }) => batch_id)
      .toSorted(),
  ).toEqual(ids.toSorted());
  expect(runs.flat().every(({ rows }) => rows === 2)).toBe(true);
  for (const [number, own] of runs.entries()) {
    for (const { id } of own) expect(Math.floor(id / IDS_OF_A_DATABASE)).toBe(number);
  }
  const rowIds = await rowsOfEach<{ id: number }>("SELECT id FROM recipe_results");
  expect(new Set(rowIds.flat().map(({ id }) => id)).size).toBe(60);

  for (const { batch_id, batch_run_id } of bodies) {
    expect(await (await ask(`/batch-metrics/${batch_id}`)).json()).toMatchObject({ batch_run_id });
  }
});

test("a batch from before the number changed is found where it is, and not written again", async ({
  expect,
}) => {
  const batch_id = await movedId();
  const first = await withEnv(
    { DATABASE_SHARDS: "1" },
    "/batch-metrics",
    upload(batch({ batch_id })),
  );
  const { batch_run_id } = await first.json<{ batch_run_id: number }>();
  expect(await whereIs(batch_id)).toEqual([0]);
  await forget(batch_id);

  const again = await post(batch({ batch_id }));
  expect(again.status).toBe(201);
  expect(await again.json()).toMatchObject({ batch_run_id });
  expect(await whereIs(batch_id)).toEqual([0]);

  await forget(batch_id);
  const other = await post(batch({ batch_id, results: [result(), result()] }));
  expect(other.status).toBe(409);
  expect(await whereIs(batch_id)).toEqual([0]);
});

test("a batch stays with the database that it was first meant for", async ({ expect }) => {
  // Nothing comes to write it meanwhile.
  faults.queue = "loses";
  const ledger = env.LEDGER.getByName("shard-0");
  await ledger.accept({ ...admission("stays"), database: 2 }, 0);
  await ledger.accept({ ...admission("stays"), database: 1 }, 0);
  expect(await ledger.claim(["batch-metrics/stays"])).toMatchObject([{ database: 2 }]);
});

test("where fewer databases are bound than configured, nothing is taken and the log says why", async ({
  expect,
}) => {
  const response = await withEnv({ DATABASE_SHARDS: "4" }, "/batch-metrics", upload());
  expect(response.status).toBe(503);
  expect(errors.map((line) => JSON.parse(line))).toContainEqual({
    level: "error",
    event: "config.invalid",
    variable: "DATABASE_SHARDS",
    reason: 'it asks for 4 databases, and stream "batch-metrics" has 3 bound',
  });
  expect((await ask("/batch-metrics/run-1")).status).toBe(404);
});

/** Posts twelve batches with the setting. @returns in which database each of them is. */
async function homesWith(FULL_DATABASES: string): Promise<number[]> {
  const ids = Array.from({ length: 12 }, (_, index) => `run-${index}`);
  for (const batch_id of ids) {
    await withEnv({ FULL_DATABASES }, "/batch-metrics", upload(batch({ batch_id })));
  }
  return (await Promise.all(ids.map(whereIs))).flat();
}

test("new batches are spread over the databases that are not full", async ({ expect }) => {
  const homes = await homesWith("0");
  expect(homes).toHaveLength(12);
  expect(new Set(homes)).toEqual(new Set([1, 2]));
  for (let index = 0; index < 12; index++) await forget(`run-${index}`);
  // Those are full by now; what is in them is found, and not written again.
  expect(await homesWith("1,2")).toEqual(homes);
});

test("where all databases are full nothing is taken and the log says why", async ({ expect }) => {
  const response = await withEnv({ FULL_DATABASES: "0,1,2" }, "/batch-metrics", upload());
  expect(response.status).toBe(503);
  expect(errors.join()).toContain("must name databases of DATABASE_SHARDS, and leave one");
  const wrong = await withEnv({ FULL_DATABASES: "DB" }, "/batch-metrics", upload());
  expect(wrong.status).toBe(503);
  expect(errors.join()).toContain("must be numbers of databases, like 0 or 0,1");
});

test("a batch whose database is not bound any more is kept, and the reason names the database", async ({
  expect,
}) => {
  await shardFor("run-1").accept({ ...admission("run-1"), database: 7 }, 0);
  const { reason } = await untilStatus("dead");
  expect(reason).toBe('database 7 of stream "batch-metrics" is not bound');
});

test("while one database is away nothing is written, and once it is back each batch is, once", async ({
  expect,
}) => {
  const bringBack = await takeAway("batch_runs", DATABASES[1]);
  const ids = Array.from({ length: 12 }, (_, index) => `run-${index}`);
  for (const batch_id of ids) expect((await post(batch({ batch_id }), ASYNC)).status).toBe(202);
  for (const batch_id of ids) await untilStatus("dead", `/batch-metrics/${batch_id}`);
  await bringBack();
  for (const batch_id of ids) expect(await whereIs(batch_id)).toEqual([]);
  for (const batch_id of ids) await post(batch({ batch_id }));
  for (const batch_id of ids) expect(await whereIs(batch_id)).toHaveLength(1);
});

test("while one database is away, what is written in another is shown with its run", async ({
  expect,
}) => {
  const [here = "", away = ""] = await writtenIn(0, 1);
  const bringBack = await takeAway("batch_runs", DATABASES[1]);
  const shown = await ask(`/batch-metrics/${here}`);
  expect(await shown.json()).toMatchObject({ status: "written", run: { total_recipes: 7 } });
  expect((await ask(`/batch-metrics/${away}`)).status).toBe(503);
  await bringBack();
});

test("a run is shown wherever it is: of a batch that the ledger has forgotten, or moved with its id", async ({
  expect,
}) => {
  const [batch_id = ""] = await writtenIn(1);
  const shown = { status: "written", run: { total_recipes: 7 } };
  const run = DATABASES[1]?.prepare("SELECT * FROM batch_runs WHERE batch_id = ?");
  const row = await run?.bind(batch_id).first();
  await DATABASES[1]?.exec("DELETE FROM recipe_results; DELETE FROM batch_runs");
  const columns = Object.keys(row ?? {});
  await DATABASES[2]
    ?.prepare(
      `INSERT INTO batch_runs (${columns.join(", ")}) VALUES (${columns.map(() => "?").join(", ")})`,
    )
    .bind(...Object.values(row ?? {}))
    .run();
  expect(await (await ask(`/batch-metrics/${batch_id}`)).json()).toMatchObject(shown);
  await forget(batch_id);
  expect(await (await ask(`/batch-metrics/${batch_id}`)).json()).toMatchObject(shown);
});

test("each database is asked once for all batches that are written together, and not for its own", async ({
  expect,
}) => {
  const asked: string[][] = [];
  const databases = createSqlStores("batch-metrics", env).map((sql, number) => ({
    ...sql,
    all: <Row>(text: string, ...parameters: SqlValue[]) => {
      asked[number] = [...(asked[number] ?? []), String(parameters[0])];
      return sql.all<Row>(text, ...parameters);
    },
  }));
  const batches = pending(9);
  const reports = await writeBatches({ stream: batchMetrics, databases, sink: null }, batches);
  expect(reports.map(({ outcome }) => outcome)).toEqual(batches.map(() => "written"));
  const others = (number: number) =>
    batches.filter(({ database }) => database !== number).map(({ batch_id }) => batch_id);
  expect(asked).toEqual([0, 1, 2].map((number) => [JSON.stringify(others(number))]));
});

test("of a group of which another database has a part, the rest is written, and each is told of", async ({
  expect,
}) => {
  const databases = createSqlStores("batch-metrics", env);
  const open = { stream: batchMetrics, databases, sink: null };
  const batches = pending(9).map((one) => ({ ...one, database: 0 }));
  const before = await writeBatches(
    open,
    batches.slice(3, 6).map((one) => ({ ...one, database: 2 })),
  );
  const reports = await writeBatches(open, batches);
  const sorted = reports.toSorted((one, other) => one.key.localeCompare(other.key));
  expect(sorted).toMatchObject(batches.map(({ key }) => ({ key, outcome: "written" })));
  expect(sorted.slice(3, 6)).toEqual(before);
  expect((await rowsOfEach("SELECT 1 FROM batch_runs")).map((own) => own.length)).toEqual([
    6, 0, 3,
  ]);
});

test("what cannot be looked for waits, whatever the reason, and the reason names the database", async ({
  expect,
}) => {
  const databases = createSqlStores("batch-metrics", env).map((sql, number) => ({
    ...sql,
    all: <Row>(text: string, ...parameters: SqlValue[]) =>
      number === 1
        ? Promise.reject<Row[]>(new Error("D1_ERROR: string or blob too big: SQLITE_TOOBIG"))
        : sql.all<Row>(text, ...parameters),
  }));
  const open = { stream: batchMetrics, databases, sink: null };
  const reports = await writeBatches(open, pending(1));
  const reason =
    "database 1 was to be asked first: D1_ERROR: string or blob too big: SQLITE_TOOBIG";
  expect(reports).toMatchObject([
    { key: "batch-metrics/run-0", digest: "d1", outcome: "failed", reason },
  ]);
  expect(errors.map((line) => JSON.parse(line))).toMatchObject([
    { event: "store.write-failed", batches: 1, failure: "transient", reason },
  ]);
});

test("retention and the audit go over all databases", async ({ expect }) => {
  const ids = Array.from({ length: 12 }, (_, index) => `run-${index}`);
  for (const batch_id of ids) await post(batch({ batch_id }));
  const old = ids.map((batch_id) =>
    batch({ batch_id: `old-${batch_id}`, started_at: "2020-01-01T00:00:00Z" }),
  );
  for (const body of old) await post(body);
  await DATABASES[2]?.exec("DELETE FROM recipe_results; DELETE FROM batch_runs");
  const lost = (await rowsOfEach("SELECT 1 FROM batch_runs")).map((own) => own.length);
  expect(lost[2]).toBe(0);

  await worker.scheduled(createScheduledController({ scheduledTime: Date.now() }), env);
  const left = await rowsOfEach<{ started_at: string }>("SELECT started_at FROM batch_runs");
  expect(left.flat().every(({ started_at }) => started_at > "2021")).toBe(true);
  const missing = ids.length - left.flat().length;
  const unbalanced = errors
    .map((line) => JSON.parse(line))
    .filter(({ event }) => event === "ledger.unbalanced");
  expect(missing).toBeGreaterThan(0);
  expect(unbalanced.reduce((sum, { batches }) => sum + batches, 0)).toBe(missing);
});

test("a database that is slow to delete keeps retention from no other", async ({ expect }) => {
  await writtenIn(0);
  for (const database of DATABASES) {
    await database.exec("UPDATE batch_runs SET started_at = '2020-01-01T00:00:00Z'");
  }
  const slow = { ...env, DB: deletingBy(env.DB, () => new Promise(() => {})) };
  void worker.scheduled(createScheduledController({ scheduledTime: Date.now() }), slow);
  const inOthers = async () => (await rowsOfEach("SELECT 1 FROM batch_runs")).slice(1).flat();
  await expect.poll(inOthers).toEqual([]);
});

test("all databases together get no more statements than a Worker may send", async ({ expect }) => {
  let statements = 0;
  const endless = async () => {
    statements += 1;
    return { results: [], meta: { changes: RETENTION_ROWS, rows_written: 0 } };
  };
  const [DB = env.DB, DB_1 = env.DB, DB_2 = env.DB] = DATABASES.map((database) =>
    deletingBy(database, endless),
  );
  const full = { ...env, DB, DB_1, DB_2 };
  await worker.scheduled(createScheduledController({ scheduledTime: Date.now() }), full);
  expect(statements).toBeGreaterThan(RETENTION_STATEMENTS / 2);
  expect(statements).toBeLessThanOrEqual(RETENTION_STATEMENTS);
});
