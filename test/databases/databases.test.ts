import { createScheduledController, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, test, vi } from "vitest";
import { IDS_OF_A_DATABASE } from "../../src/limits.ts";
import { ask, batch, post, result, shardFor, untilStatus, upload, withEnv } from "../client.ts";
import { admission } from "../durable/admission.ts";
import { faults } from "../faults.ts";
import { writeBatches } from "../../src/queue/write-batches.ts";
import type { SqlValue } from "../../src/sql.ts";
import { createSqlStores } from "../../src/store/sql-store.ts";
import { batchMetrics } from "../../src/streams/batch-metrics.ts";
import worker from "../worker.ts";

const DATABASES = [env.DB, env.DB_1, env.DB_2].map((database) => {
  if (!database) throw new Error("these tests bind three databases");
  return database;
});
const ASYNC = { headers: { Prefer: "respond-async" } };

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

test("a batch whose database is not bound any more is kept, and the reason names the database", async ({
  expect,
}) => {
  await shardFor("run-1").accept({ ...admission("run-1"), database: 7 }, 0);
  const { reason } = await untilStatus("dead");
  expect(reason).toBe('database 7 of stream "batch-metrics" is not bound');
});

test("while one database is away its batches wait, and none is written elsewhere", async ({
  expect,
}) => {
  await DATABASES[1]?.exec("ALTER TABLE batch_runs RENAME TO away");
  const ids = Array.from({ length: 12 }, (_, index) => `run-${index}`);
  for (const batch_id of ids) expect((await post(batch({ batch_id }), ASYNC)).status).toBe(202);
  for (const batch_id of ids) await untilStatus("dead", `/batch-metrics/${batch_id}`);
  await DATABASES[1]?.exec("ALTER TABLE away RENAME TO batch_runs");
  for (const batch_id of ids) await post(batch({ batch_id }));
  for (const batch_id of ids) expect(await whereIs(batch_id)).toHaveLength(1);
});

test("while one database is away, what is written in another is shown with its run", async ({
  expect,
}) => {
  const ids = Array.from({ length: 12 }, (_, index) => `run-${index}`);
  for (const batch_id of ids) await post(batch({ batch_id, total_recipes: 7 }));
  const [[here] = [], [away] = []] = await rowsOfEach<{ batch_id: string }>(
    "SELECT batch_id FROM batch_runs",
  );
  await DATABASES[1]?.exec("ALTER TABLE batch_runs RENAME TO away");
  const shown = await ask(`/batch-metrics/${here?.batch_id}`);
  expect(await shown.json()).toMatchObject({ status: "written", run: { total_recipes: 7 } });
  expect((await ask(`/batch-metrics/${away?.batch_id}`)).status).toBe(500);
  await DATABASES[1]?.exec("ALTER TABLE away RENAME TO batch_runs");

  // A run that was moved, with its id, is found where it is now.
  const from = whereIs(away?.batch_id ?? "");
  expect(await from).toEqual([1]);
  const columns =
    "id, batch_id, ecosystem, started_at, total_recipes, passed, failed, skipped, digest, write_id, accepted_at, row_count";
  const text = `SELECT ${columns} FROM batch_runs WHERE batch_id = ?`;
  const run = await DATABASES[1]?.prepare(text).bind(away?.batch_id).raw();
  await DATABASES[1]?.exec("DELETE FROM recipe_results; DELETE FROM batch_runs");
  await DATABASES[2]
    ?.prepare(`INSERT INTO batch_runs (${columns}) VALUES (${columns.replaceAll(/\w+/g, "?")})`)
    .bind(...(run?.[0] ?? []))
    .run();
  const moved = await ask(`/batch-metrics/${away?.batch_id}`);
  expect(await moved.json()).toMatchObject({ status: "written", run: { total_recipes: 7 } });
});

test("each database is asked once for all batches of a group, and not for its own", async ({
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
  const batches = Array.from({ length: 9 }, (_, index) => ({
    key: `batch-metrics/run-${index}`,
    batch_id: `run-${index}`,
    digest: "d1",
    accepted_at: "2026-11-01T10:00:00Z",
    row_count: 0,
    body: { run: JSON.stringify(RUN), parts: ["[]"] },
    database: index % 3,
  }));
  const reports = await writeBatches({ stream: batchMetrics, databases, sink: null }, batches);
  expect(reports.map(({ outcome }) => outcome)).toEqual(batches.map(() => "written"));
  const others = (number: number) =>
    batches.filter(({ database }) => database !== number).map(({ batch_id }) => batch_id);
  expect(asked).toEqual([0, 1, 2].map((number) => [JSON.stringify(others(number))]));
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
  const unbalanced = errors.filter((line) => line.includes("ledger.unbalanced"));
  expect(missing).toBeGreaterThan(0);
  expect(unbalanced).toHaveLength(missing);
});
