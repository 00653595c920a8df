import { env } from "cloudflare:workers";
import { test } from "vitest";
import { batch, count, until } from "../client.ts";
import worker from "../worker.ts";

const SMALL = { ...env, UPLOADS_IN_MEMORY_BYTES: "1000000" };

/** An upload whose second half comes when it is let go. */
function slowUpload(batch_id: string, declared: number) {
  const text = JSON.stringify(batch({ batch_id }));
  const { promise: go, resolve: finish } = Promise.withResolvers<void>();
  const halves = [text.slice(0, 20), text.slice(20)].map((half) => new TextEncoder().encode(half));
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(halves[0]);
      await go;
      controller.enqueue(halves[1]);
      controller.close();
    },
  });
  return { answer: postTo(SMALL, body, declared), finish };
}

async function postTo(version: Env, body: BodyInit, declared: number): Promise<Response> {
  const headers = {
    Authorization: "Bearer test-upload-token",
    "Content-Type": "application/json",
    "Content-Length": String(declared),
  };
  const request = new Request("http://millrace.test/batch-metrics", {
    method: "POST",
    headers,
    body,
  });
  return worker.fetch(request, version);
}

test("beyond its memory's worth of uploads an isolate sheds load, and those let in are written", async ({
  expect,
}) => {
  const inside = [slowUpload("in-1", 400_000), slowUpload("in-2", 500_000)];
  const refused = await postTo(SMALL, JSON.stringify(batch({ batch_id: "out" })), 200_000);
  expect([refused.status, refused.headers.get("Retry-After")]).toEqual([503, "2"]);
  expect(await refused.json()).toMatchObject({ detail: expect.stringContaining("Post it again") });
  expect(await count("batch_runs")).toBe(0);

  for (const { finish } of inside) finish();
  for (const { answer } of inside) expect((await answer).status).toBe(201);
  const again = await postTo(SMALL, JSON.stringify(batch({ batch_id: "out" })), 200_000);
  expect(again.status).toBe(201);
  await until(async () => (await count("batch_runs")) === 3);
});

test("an upload that is larger than that is let in when it is alone", async ({ expect }) => {
  const answer = await postTo(SMALL, JSON.stringify(batch()), 2_000_000);
  expect(answer.status).toBe(201);
});
