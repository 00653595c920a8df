import { applyD1Migrations, reset } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach } from "vitest";
import { faults } from "./faults.ts";

// Isolation is per file: between the tests of a file everything is deleted by hand.
beforeEach(() => applyD1Migrations(env.DB, env.MIGRATIONS));
afterEach(async () => {
  faults.queue = "none";
  await reset();
});
