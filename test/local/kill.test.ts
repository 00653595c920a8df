import { test } from "vitest";
import { differences, openLocalD1 } from "../../scripts/local-d1.ts";
import { startServer } from "../../scripts/local-server.ts";
import { newFolder } from "../folder.ts";

const UPLOAD = {
  batch_id: "killed",
  ecosystem: "npm",
  started_at: "2026-11-20T12:00:00Z",
  total_recipes: 2,
  results: [
    { recipe_name: "a", ecosystem: "npm", result: "passed" },
    { recipe_name: "b", ecosystem: "npm", result: "failed", error_message: "é🙂" },
  ],
};

test("a server killed straight after its 202 writes the batch when it is started again", async ({
  expect,
}) => {
  const state = newFolder();
  const first = await startServer(state);
  const text = JSON.stringify(UPLOAD);
  const response = await fetch(`${first.url}/batch-metrics`, {
    method: "POST",
    headers: {
      Authorization: "Bearer dev-upload-token",
      "Content-Type": "application/json",
      Prefer: "respond-async",
    },
    body: text,
  });
  expect(response.status).toBe(202);
  await first.kill();

  const second = await startServer(state);
  try {
    await expect
      .poll(() => differences(openLocalD1(state), [{ ...UPLOAD, text }]), {
        timeout: 60_000,
        interval: 500,
      })
      .toEqual([]);
  } finally {
    await second.kill();
  }
}, 120_000);
