import { exports } from "cloudflare:workers";
import { test } from "vitest";

test("an upload is written", async ({ expect }) => {
  const response = await exports.default.fetch("http://millrace.test/batch-metrics", {
    method: "POST",
    headers: { Authorization: "Bearer test-upload-token", "Content-Type": "application/json" },
    body: JSON.stringify({
      batch_id: "a",
      ecosystem: "npm",
      started_at: "2026-01-01T00:00:00+02:00",
      total_recipes: 0,
      results: [],
    }),
  });
  expect([response.status, await response.json()]).toEqual([
    201,
    { batch_id: "a", status: "written", batch_run_id: 1, results: 0 },
  ]);
});
