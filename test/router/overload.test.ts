import { test } from "vitest";
import { batch, count, until, upload, withEnv } from "../client.ts";

/** Posts a body that declares this length, to an isolate that holds one megabyte of uploads. */
function postDeclaring(declared: number, body: unknown): Promise<Response> {
  const init = upload(body, { "Content-Length": String(declared) });
  return withEnv({ UPLOADS_IN_MEMORY_BYTES: "1000000" }, "/batch-metrics", init);
}

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
  return { answer: postDeclaring(declared, body), finish };
}

test("beyond its memory's worth of uploads an isolate sheds load, and those let in are written", async ({
  expect,
}) => {
  const inside = [slowUpload("in-1", 400_000), slowUpload("in-2", 500_000)];
  const refused = await postDeclaring(200_000, batch({ batch_id: "out" }));
  expect([refused.status, refused.headers.get("Retry-After")]).toEqual([503, "2"]);
  expect(await refused.json()).toMatchObject({ detail: expect.stringContaining("Post it again") });
  expect(await count("batch_runs")).toBe(0);

  for (const { finish } of inside) finish();
  for (const { answer } of inside) expect((await answer).status).toBe(201);
  const again = await postDeclaring(200_000, batch({ batch_id: "out" }));
  expect(again.status).toBe(201);
  await until(async () => (await count("batch_runs")) === 3);
});

test("an upload that is larger than that is let in when it is alone", async ({ expect }) => {
  const answer = await postDeclaring(2_000_000, batch());
  expect(answer.status).toBe(201);
});
