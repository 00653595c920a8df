import { once } from "node:events";
import { statSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { DatabaseSync } from "node:sqlite";
import { test } from "vitest";
import { fillLedger } from "../../bench/fill.ts";
import { load } from "../../bench/load.ts";
import { writtenIn } from "../../bench/written.ts";
import { newFolder } from "../folder.ts";

/** A database with these batches. */
function databaseOf(...ids: string[]): DatabaseSync {
  const database = new DatabaseSync(":memory:");
  database.exec("CREATE TABLE batch_runs (batch_id TEXT NOT NULL UNIQUE)");
  for (const id of ids) database.prepare("INSERT INTO batch_runs VALUES (?)").run(id);
  return database;
}

test("a batch that was answered and not written is missing, whatever else was written", async ({
  expect,
}) => {
  const written = writtenIn([databaseOf("answered", "cut-off"), databaseOf("elsewhere")]);
  expect(await written.count()).toBe(3);
  expect(await written.missing(["answered", "elsewhere"])).toBe(0);
  expect(await written.missing(["answered", "elsewhere", "lost"])).toBe(1);
  expect(await written.missing([])).toBe(0);
});

for (const client of ["autocannon", "node:http"] as const) {
  test(`${client} tells which uploads were answered with success`, async ({ expect }) => {
    const succeeded = new Set<string>();
    let number = 0;
    const answer = async (request: IncomingMessage, response: ServerResponse) => {
      const { batch_id } = JSON.parse(await text(request));
      response.statusCode = ++number % 3 === 0 ? 503 : 201;
      if (response.statusCode === 201) succeeded.add(batch_id);
      response.end("{}");
    };
    const server = createServer((request, response) => void answer(request, response));
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = server.address();
    const port = typeof address === "object" ? address?.port : 0;
    const url = `http://127.0.0.1:${port}`;
    const options = { url, token: "", results: 1, connections: 4, status: 201, client } as const;
    const result = await load({ ...options, seconds: 1 });
    server.close();

    expect(result.shed).toBeGreaterThan(0);
    expect(result.ids.filter((id) => !succeeded.has(id))).toEqual([]);
    expect(new Set(result.ids).size).toBe(result.succeeded);
    expect(result.succeeded).toBeGreaterThanOrEqual(succeeded.size - options.connections);
  });
}

test("a ledger that is filled has the shape that settling leaves: mostly empty pages", async ({
  expect,
}) => {
  const path = `${newFolder()}/ledger.sqlite`;
  await fillLedger(path, 1_000);
  const database = new DatabaseSync(path);
  const written = "state = 'written' AND part IS NULL AND batch_run_id IS NOT NULL";
  const [row] = database.prepare(`SELECT count(*) AS number FROM batches WHERE ${written}`).all();
  database.close();
  expect(row?.["number"]).toBe(1_000);
  expect(statSync(path).size / 1_000).toBeGreaterThan(1_500);
});
