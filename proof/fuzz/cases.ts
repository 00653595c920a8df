import { gzipSync } from "node:zlib";
import fc from "fast-check";

/** One request to the service. `upload` is what the body says, where it says anything. */
export interface Case {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Uint8Array | undefined;
  upload: Record<string, unknown> | undefined;
}

/** Text that the service takes. */
const text = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 }) },
  { weight: 2, arbitrary: fc.string({ minLength: 1, maxLength: 500 }) },
  fc.constantFrom(
    "'; DROP TABLE batch_runs; --",
    '"',
    "\\",
    "\u0001\u001f\u007f",
    "🙂".repeat(200),
    "null",
    "{}",
    "1e5",
  ),
);
/** Text that it refuses. */
const badText = fc.constantFrom(
  "",
  "\u0000",
  "a\u0000b",
  "\ud800",
  "\udc00\ud800",
  "x".repeat(501),
);
const message = fc.oneof(
  text,
  fc.constantFrom(
    "",
    "x".repeat(16_000),
    "é".repeat(16_001),
    "🙂".repeat(9_000),
    `${"x".repeat(16_000)}… [5 more characters cut]`,
    "\r\n\t\u0001",
  ),
);
const quantity = fc.oneof(
  fc.double({ min: 0, noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(
    0,
    -0,
    0.1,
    5e-324,
    Number.MAX_VALUE,
    Number.MAX_SAFE_INTEGER,
    2 ** 53,
    1e21,
    1e-7,
  ),
);
const count = fc.oneof(fc.nat(), fc.constantFrom(0, 1, Number.MAX_SAFE_INTEGER));
const moment = fc.oneof(
  fc
    .tuple(
      fc.date({ min: new Date(0), max: new Date("2999-01-01"), noInvalidDate: true }),
      fc.constantFrom("Z", "+14:00", "-11:30", "+0000"),
    )
    .map(([date, offset]) => date.toISOString().replace("Z", offset)),
  fc.constantFrom(
    "2024-02-29T23:59:59Z",
    "2026-01-01T00:00Z",
    "2026-02-30T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "soon",
  ),
);

const result = fc.record(
  {
    recipe_name: text,
    ecosystem: text,
    result: fc.constantFrom("passed", "failed", "skipped"),
    platform: fc.oneof(text, fc.constant(null)),
    error_category: text,
    error_message: message,
    duration_seconds: quantity,
  },
  { requiredKeys: ["recipe_name", "ecosystem", "result"] },
);

const metrics = fc.record(
  {
    batch_id: fc.constant(""),
    ecosystem: text,
    started_at: moment,
    completed_at: fc.oneof(moment, fc.constant(null)),
    total_recipes: count,
    passed: count,
    failed: count,
    skipped: count,
    success_rate: fc.double({ min: 0, max: 1, noNaN: true }),
    macos_minutes: quantity,
    linux_minutes: quantity,
    results: fc.array(result, { maxLength: 6 }),
  },
  { requiredKeys: ["batch_id", "ecosystem", "started_at", "total_recipes", "results"] },
);

const record = fc.record(
  {
    repo: text,
    event_type: text,
    model: text,
    conclusion: text,
    delivery_id: fc.oneof(text, fc.constant(null)),
    pr_number: count,
    provider: fc.oneof(text, fc.constant(null)),
    input_tokens: fc.oneof(count, fc.constant(null)),
    output_tokens: count,
    cache_read_tokens: count,
    cache_creation_tokens: count,
    duration_ms: quantity,
    cost_usd: quantity,
    session_id: text,
    num_turns: count,
    stop_reason: text,
    created_at: fc.oneof(moment, fc.constant(null)),
  },
  { requiredKeys: ["repo", "event_type", "model", "conclusion"] },
);

const executions = fc.record({
  batch_id: fc.constant(""),
  records: fc.array(record, { minLength: 1, maxLength: 6 }),
});

/** An upload, and where it is posted. */
interface Upload {
  path: string;
  value: Record<string, unknown>;
  rows: readonly object[];
}

const upload: fc.Arbitrary<Upload> = fc.oneof(
  {
    weight: 3,
    arbitrary: metrics.map((value) => ({ path: "/batch-metrics", value, rows: value.results })),
  },
  {
    weight: 1,
    arbitrary: executions.map((value) => ({ path: "/executions", value, rows: value.records })),
  },
);

/** A valid upload with one thing wrong in it, at any depth. */
const broken = fc
  .tuple(upload, fc.nat(), fc.oneof(fc.jsonValue(), badText, fc.constant(undefined)), fc.boolean())
  .map(([sent, place, other, deep]) => {
    const { value, rows } = sent;
    const target: object = deep && rows.length > 0 ? (rows[place % rows.length] ?? value) : value;
    const keys = [...Object.keys(target), "unknown", "__proto__", "constructor"];
    const key = keys[place % keys.length] ?? "";
    Object.defineProperty(target, key, {
      value: other,
      enumerable: true,
      writable: true,
      configurable: true,
    });
    return sent;
  });

const headers = fc.record(
  {
    Authorization: fc.constantFrom(
      "Bearer dev-upload-token",
      "Bearer dev-upload-token ",
      "bearer dev-upload-token",
      "Bearer x",
      "Basic eDp4",
      "",
    ),
    "Content-Type": fc.constantFrom(
      "application/json",
      "application/json; charset=utf-8",
      "text/plain",
      "application/json; charset=utf-16",
      ";",
      "",
    ),
    Prefer: fc.oneof(
      fc.constantFrom(
        "respond-async",
        "wait=1",
        "wait=-1",
        "wait=1e9",
        "respond-async, wait=2",
        ",;=",
      ),
      fc.stringMatching(/^[ -~]{0,30}$/),
    ),
    "Content-Encoding": fc.constantFrom("identity", "gzip", "br", "gzip, gzip", "GZIP"),
  },
  { requiredKeys: [] },
);

const GOOD = { Authorization: "Bearer dev-upload-token", "Content-Type": "application/json" };
const ASYNC = { ...GOOD, Prefer: "respond-async" };

/** A request made of a number that no other case has, so that its batch can be found. */
export const anyCase: fc.Arbitrary<(number: number) => Case> = fc.oneof(
  { weight: 4, arbitrary: upload.map((value) => (number: number) => posted(value, number, GOOD)) },
  { weight: 2, arbitrary: upload.map((value) => (number: number) => posted(value, number, ASYNC)) },
  { weight: 6, arbitrary: broken.map((value) => (number: number) => posted(value, number, GOOD)) },
  {
    weight: 3,
    arbitrary: fc.tuple(upload, headers).map(
      ([value, own]) =>
        (number: number) =>
          posted(value, number, { ...GOOD, ...own }),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.uint8Array({ maxLength: 300 }).map((bytes) => () => raw(bytes, GOOD)),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.json(), fc.nat()).map(
      ([json, place]) =>
        () =>
          raw(cut(Buffer.from(json), place), GOOD),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.json(), fc.nat(), fc.boolean()).map(([json, place, whole]) => () => {
      const zipped = gzipSync(json);
      return raw(whole ? zipped : cut(zipped, place), { ...GOOD, "Content-Encoding": "gzip" });
    }),
  },
  {
    weight: 2,
    arbitrary: fc
      .tuple(
        fc.constantFrom("GET", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "POST"),
        fc.webPath(),
        headers,
      )
      .map(([method, path, own]) => () => ({
        method,
        path: path || "/",
        headers: own,
        body: undefined,
        upload: undefined,
      })),
  },
);

function posted({ path, value }: Upload, number: number, own: Record<string, string>): Case {
  // A broken upload may have lost its batch_id: it stays lost.
  const named = value["batch_id"] === "" ? { ...value, batch_id: `fuzz-${number}` } : value;
  return {
    method: "POST",
    path,
    headers: own,
    body: Buffer.from(JSON.stringify(named)),
    upload: named,
  };
}

function raw(body: Uint8Array, own: Record<string, string>): Case {
  return {
    method: "POST",
    path: "/batch-metrics",
    headers: own,
    body: new Uint8Array(body),
    upload: undefined,
  };
}

function cut(bytes: Uint8Array, place: number): Uint8Array {
  return bytes.slice(0, place % (bytes.length + 1));
}
