import { env } from "cloudflare:workers";

/** Ends a fault. */
export type Heal = () => Promise<unknown>;

/** From here on D1 refuses the new rows of a table that meet the condition. */
export async function refuseRows(
  table: string,
  { when = "true", reason = "refused" } = {},
): Promise<Heal> {
  const trigger = `refuses_${table}`;
  await env.DB.prepare(
    `CREATE TRIGGER IF NOT EXISTS ${trigger} BEFORE INSERT ON ${table} WHEN ${when}
     BEGIN SELECT RAISE(ABORT, '${reason}'); END`,
  ).run();
  return () => env.DB.exec(`DROP TRIGGER ${trigger}`);
}

/** From here on D1 refuses results of that recipe, which the schema lets through. */
export function poison(recipe_name = "poison"): Promise<Heal> {
  const when = `NEW.recipe_name = '${recipe_name}'`;
  return refuseRows("recipe_results", { when, reason: "poisoned recipe" });
}

/** From here on a database does not find one of its tables, so that it can neither read nor write there. */
export async function takeAway(table = "batch_runs", database = env.DB): Promise<Heal> {
  await database.exec(`ALTER TABLE ${table} RENAME TO away`);
  return () => database.exec(`ALTER TABLE away RENAME TO ${table}`);
}

/** The database, which does this instead of deleting. */
export function deletingBy(database: D1Database, work: () => Promise<unknown>): D1Database {
  return new Proxy(database, {
    get(target, property) {
      if (property !== "prepare") return Reflect.get(target, property).bind(target);
      return (text: string) =>
        text.startsWith("DELETE") ? { bind: () => ({ run: work }) } : target.prepare(text);
    },
  });
}
