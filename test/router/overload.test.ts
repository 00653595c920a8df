import { test, vi } from "vitest";
import { LONGEST_UPLOAD_MS, MAX_UPLOAD_BYTES } from "../../src/limits.ts";
import { ask, batch, count, request, until, upload, withEnv } from "../client.ts";
import { faults } from "../faults.ts";

/** Posts to an isolate that holds one megabyte of uploads. */
function post(body: unknown, headers: object): Promise<Response> {
  const settings = { UPLOADS_IN_MEMORY_BYTES: "1000000" };
  return withEnv(settings, "/batch-metrics", upload(body, headers));
}

function postDeclaring(declared: number, body: unknown): Promise<Response> {
  return post(body, { "Content-Length": String(declared) });
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

const COMPRESSED = { "Content-Encoding": "gzip", "Content-Length": "5000" };

test.for([
  { what: "without a length", headers: {}, through: [] },
  {
    what: "compressed better than most",
    headers: COMPRESSED,
    through: [() => new CompressionStream("gzip")],
  },
])(
  "an upload $what counts for what it turns out to have",
  async ({ headers, through }, { expect }) => {
    const bodyOf = (batch_id: string) => {
      const text = JSON.stringify(batch({ batch_id })).padEnd(700_000);
      const stream: ReadableStream<Uint8Array> = new Blob([text]).stream();
      return through.reduce((plain, compress) => plain.pipeThrough(compress()), stream);
    };
    const inside = slowUpload("inside", 400_000);
    const refused = await post(bodyOf("long"), headers);
    expect([refused.status, refused.headers.get("Retry-After")]).toEqual([503, "2"]);

    inside.finish();
    expect((await inside.answer).status).toBe(201);
    expect((await post(bodyOf("long"), headers)).status).toBe(201);
    expect((await postDeclaring(990_000, batch({ batch_id: "next" }))).status).toBe(201);
  },
);

test("what was held for clients that went away is let go", async ({ expect }) => {
  // Nothing is written: the clients wait until they have enough of it.
  faults.queue = "loses";
  for (const batch_id of ["gone-1", "gone-2", "gone-3"]) {
    const client = new AbortController();
    const text = JSON.stringify(batch({ batch_id })).padEnd(MAX_UPLOAD_BYTES);
    const answer = request("/batch-metrics", {
      ...upload(text, { Prefer: "wait=2" }),
      signal: client.signal,
    });
    await until(async () => (await ask(`/batch-metrics/${batch_id}`)).ok);
    client.abort();
    await expect(answer).rejects.toThrow();
  }
  faults.queue = "none";
  await until(async () => (await request("/batch-metrics", upload())).ok);
});

test("an upload that never ended is held no longer than one can take, and then counts no more", async ({
  expect,
}) => {
  const lost = slowUpload("lost", 900_000);
  expect((await postDeclaring(200_000, batch({ batch_id: "next" }))).status).toBe(503);
  const later = Date.now() + LONGEST_UPLOAD_MS;
  vi.spyOn(Date, "now").mockImplementation(() => later);
  expect((await postDeclaring(200_000, batch({ batch_id: "next" }))).status).toBe(201);
  vi.restoreAllMocks();

  lost.finish();
  expect((await lost.answer).status).toBe(201);
  // Had it been let go of twice, there would be room for more than a megabyte now.
  const full = slowUpload("full", 990_000);
  expect((await postDeclaring(20_000, batch({ batch_id: "over" }))).status).toBe(503);
  full.finish();
  expect((await full.answer).status).toBe(201);
});
