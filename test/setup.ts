import { applyD1Migrations, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach } from "vitest";
import { healAll } from "./faults.ts";

// Isolation is per file: between the tests of a file everything is deleted by hand.
beforeEach(async () => {
  for (const database of [env.DB, env.DB_1, env.DB_2]) {
    if (database) await applyD1Migrations(database, env.MIGRATIONS);
  }
});
afterEach(async () => {
  healAll();
  await reset();
});
