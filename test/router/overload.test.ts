import { describe, type ExpectStatic, test, vi } from "vitest";
import { LONGEST_UPLOAD_MS, MAX_UPLOAD_BYTES } from "../../src/limits.ts";
import { ask, batch, count, request, upload, withEnv } from "../client.ts";
import { faults } from "../faults.ts";

/** Posts to an isolate that holds one megabyte of uploads. */
function post(body: unknown, headers: object): Promise<Response> {
  const settings = { UPLOADS_IN_MEMORY_BYTES: "1000000" };
  return withEnv(settings, "/batch-metrics", upload(body, headers));
}

function postDeclaring(declared: number, body: unknown): Promise<Response> {
  return post(body, { "Content-Length": String(declared) });
}

/** An upload that is held, and whose second half comes when it is let go. */
function slowUpload(batch_id: string, declared: number) {
  return slowPost(JSON.stringify(batch({ batch_id })), { "Content-Length": String(declared) });
}

async function slowPost(text: string, headers: object) {
  const { promise: go, resolve: finish } = Promise.withResolvers<void>();
  const { promise: held, resolve: onHeld } = Promise.withResolvers<void>();
  const [first, second] = [text.slice(0, 20), text.slice(20)].map((half) =>
    new TextEncoder().encode(half),
  );
  const halves = async function* () {
    // It is held before it is read.
    onHeld();
    yield first;
    await go;
    yield second;
  };
  const answer = post(streamOf(halves()), headers);
  await held;
  return { answer, finish };
}

/** A stream that takes nothing from the parts before it is read. */
function streamOf(parts: AsyncGenerator<Uint8Array | undefined>): ReadableStream {
  return new ReadableStream(
    {
      async pull(controller) {
        const { done, value } = await parts.next();
        if (done) controller.close();
        else controller.enqueue(value);
      },
    },
    { highWaterMark: 0 },
  );
}

test("beyond its memory's worth of uploads an isolate sheds load, and those let in are written", async ({
  expect,
}) => {
  const inside = [await slowUpload("in-1", 400_000), await slowUpload("in-2", 500_000)];
  const refused = await postDeclaring(200_000, batch({ batch_id: "out" }));
  expect([refused.status, refused.headers.get("Retry-After")]).toEqual([503, "2"]);
  expect(await refused.json()).toMatchObject({ detail: expect.stringContaining("Post it again") });
  expect(await count("batch_runs")).toBe(0);

  for (const { finish } of inside) finish();
  for (const { answer } of inside) expect((await answer).status).toBe(201);
  const again = await postDeclaring(200_000, batch({ batch_id: "out" }));
  expect(again.status).toBe(201);
  await expect.poll(() => count("batch_runs")).toBe(3);
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
    const inside = await slowUpload("inside", 400_000);
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
    await expect.poll(async () => (await ask(`/batch-metrics/${batch_id}`)).status).toBe(200);
    client.abort();
    await expect(answer).rejects.toThrow();
  }
  faults.queue = "none";
  await expect.poll(async () => (await request("/batch-metrics", upload())).status).toBe(201);
});

describe("an upload that takes longer than one can", () => {
  /** After that it is held no more. */
  async function makeRoom(): Promise<number> {
    const later = Date.now() + LONGEST_UPLOAD_MS;
    vi.spyOn(Date, "now").mockImplementation(() => later);
    const { status } = await postDeclaring(950_000, batch({ batch_id: "next" }));
    vi.restoreAllMocks();
    return status;
  }

  /** Had anything been counted wrong before, there would be more or less room than a megabyte. */
  async function checkRoom(expect: ExpectStatic): Promise<void> {
    const full = await slowUpload("full", 990_000);
    expect((await postDeclaring(20_000, batch({ batch_id: "over" }))).status).toBe(503);
    full.finish();
    expect((await full.answer).status).toBe(201);
    expect((await postDeclaring(990_000, batch({ batch_id: "over" }))).status).toBe(201);
  }

  test("makes room for others, and may end", async ({ expect }) => {
    const slow = await slowUpload("slow", 900_000);
    expect((await postDeclaring(200_000, batch({ batch_id: "next" }))).status).toBe(503);
    expect(await makeRoom()).toBe(201);
    slow.finish();
    expect((await slow.answer).status).toBe(201);
    await checkRoom(expect);
  });

  test("may grow no more", async ({ expect }) => {
    const other = await slowUpload("other", 500_000);
    const slow = await slowPost(JSON.stringify(batch({ batch_id: "slow" })).padEnd(700_000), {});
    other.finish();
    expect((await other.answer).status).toBe(201);
    expect(await makeRoom()).toBe(201);
    slow.finish();
    expect((await slow.answer).status).toBe(503);
    await checkRoom(expect);
  });
});
