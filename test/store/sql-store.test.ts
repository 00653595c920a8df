import { env } from "cloudflare:workers";
import { test } from "vitest";
import { createSqlStore } from "../../src/store/sql-store.ts";

function store() {
  const sql = createSqlStore("batch-metrics", env);
  if (!sql) throw new Error("the tests bind a database");
  return sql;
}

test("runs, reads and counts", async ({ expect }) => {
  const sql = store();
  await sql.run("CREATE TABLE things (id INTEGER PRIMARY KEY, name TEXT)");
  const { changes } = await sql.run("INSERT INTO things (name) VALUES (?1), (?2)", "a", "b");
  expect(changes).toBe(2);
  expect(await sql.all("SELECT name FROM things ORDER BY id")).toEqual([
    { name: "a" },
    { name: "b" },
  ]);
  expect(await sql.first("SELECT name FROM things WHERE id = ?1", 2)).toEqual({ name: "b" });
  expect(await sql.first("SELECT name FROM things WHERE id = ?1", 9)).toBeNull();
});

test("a batch is one transaction: all of it, or none", async ({ expect }) => {
  const sql = store();
  await sql.run("CREATE TABLE things (name TEXT UNIQUE)");
  const insert = sql.prepare("INSERT INTO things VALUES (?1)");
  await expect(sql.batch([insert.bind("a"), insert.bind("b"), insert.bind("a")])).rejects.toThrow(
    "UNIQUE",
  );
  expect(await sql.all("SELECT * FROM things")).toEqual([]);
  const results = await sql.batch([insert.bind("a"), sql.prepare("SELECT * FROM things")]);
  expect(results.map(({ rows }) => rows)).toEqual([[], [{ name: "a" }]]);
});

test("gives a stream a prefix for its tables", ({ expect }) => {
  expect(store().tablePrefix).toBe("batch_metrics_");
});

test.for(["", "Batch", "batch metrics", "1st", "a".repeat(41), 'x"; DROP TABLE'])(
  "refuses the name %j, and says which names it takes",
  (name, { expect }) => {
    expect(() => createSqlStore(name, env)).toThrow("lower case letters, digits and dashes");
  },
);

test("is null where no database is bound", ({ expect }) => {
  const { DB: _, ...bare } = env;
  expect(createSqlStore("batch-metrics", bare)).toBeNull();
});

test("takes a stream's own database before the common one", async ({ expect }) => {
  let asked = 0;
  const own = new Proxy(env.DB, {
    get(target, property) {
      if (property === "prepare") asked += 1;
      const value: unknown = Reflect.get(target, property);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
  const sql = createSqlStore("batch-metrics", Object.assign({ ...env }, { BATCH_METRICS_DB: own }));
  expect(await sql?.first("SELECT 1 AS one")).toEqual({ one: 1 });
  expect(asked).toBe(1);
});
