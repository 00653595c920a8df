import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, test } from "vitest";
import { Collection } from "../../../cli/importers/collect.ts";
import {
  importReport,
  type ImportDefaults,
  type ImportedUpload,
} from "../../../cli/importers/index.ts";
import { batchMetrics } from "../../../src/streams/batch-metrics.ts";
import { parseBatch } from "../../../src/streams/parse.ts";

const DEFAULTS: ImportDefaults = {
  batchId: "run-1",
  ecosystem: "npm",
  startedAt: "2026-01-01T00:00:00Z",
};

interface Upload {
  batch_id: string;
  started_at: string;
  passed: number;
  failed: number;
  skipped: number;
  results: Record<string, unknown>[];
}

type Pieces = Iterable<string | Buffer> | AsyncIterable<string | Buffer>;

/** The uploads of a report that comes in pieces, one after the other. */
function uploadsOf(
  pieces: Pieces,
  defaults: Partial<ImportDefaults> = {},
): AsyncGenerator<ImportedUpload> {
  const source = { name: "report", open: () => Readable.from(pieces) };
  return importReport(source, { ...DEFAULTS, ...defaults });
}

/** All of them. @param seen has those that come before an error. */
async function allOf(
  pieces: Pieces,
  defaults: Partial<ImportDefaults> = {},
  seen: ImportedUpload[] = [],
): Promise<ImportedUpload[]> {
  for await (const upload of uploadsOf(pieces, defaults)) seen.push(upload);
  return seen;
}

/** The uploads of a text that comes in pieces of seven bytes, each taken by the service's schema. */
async function imported(
  text: string | Buffer,
  defaults: Partial<ImportDefaults> = {},
): Promise<ImportedUpload[]> {
  const bytes = Buffer.from(text);
  const pieces = Array.from({ length: Math.ceil(bytes.length / 7) }, (_, index) =>
    bytes.subarray(index * 7, index * 7 + 7),
  );
  const uploads = await allOf(pieces, defaults);
  for (const { stream, upload } of uploads) {
    if (stream === "batch-metrics") parseBatch(batchMetrics, JSON.stringify(upload));
  }
  return uploads;
}

async function report(name: string): Promise<Upload> {
  const [first] = await imported(readFileSync(`test/fixtures/reports/${name}`));
  const upload: Upload = JSON.parse(JSON.stringify(first?.upload));
  return upload;
}

describe("the report of", () => {
  test.for([
    ["vitest.xml", "a.test.js > sums > adds"],
    ["jest.xml", "sums adds"],
    ["playwright.xml", "a.spec.js > sums › adds"],
    ["jest-ctrf.json", "sums adds"],
    ["gradle.xml", "com.example.SumsTest > adds()"],
    ["go-junit-report.xml", "example.com/sums > TestAdds"],
    ["gtest.xml", "Sums > Adds"],
  ] as const)("%s has its three tests, one of each ending", async ([name, passing], { expect }) => {
    const upload = await report(name);
    expect([upload.passed, upload.failed, upload.skipped]).toEqual([1, 1, 1]);
    expect(upload.results.map(({ result }) => result)).toEqual(["passed", "failed", "skipped"]);
    expect(upload.results[0]?.["recipe_name"]).toBe(passing);
    expect(upload.results[1]?.["error_message"]).toMatch(/\S/);
    expect(upload.results[1]?.["error_category"]).toMatch(/\S/);
  });

  test("Mocha has what its reporter reports: not the skipped test", async ({ expect }) => {
    const { results } = await report("mocha.xml");
    expect(results).toMatchObject([
      { recipe_name: "sums adds", result: "passed" },
      { recipe_name: "sums fails é <b>&", result: "failed", error_category: "AssertionError" },
    ]);
  });

  test("node --test", async ({ expect }) => {
    const upload = await report("node-test.xml");
    expect(upload.results.map(({ result }) => result).toSorted()).toEqual([
      "failed",
      "passed",
      "skipped",
    ]);
  });

  test("pytest has its parameters, its time in UTC, and failures apart from errors", async ({
    expect,
  }) => {
    const upload = await report("pytest.xml");
    expect(upload.started_at).toBe("2026-11-20T10:00:00.123Z");
    expect(upload.results).toEqual([
      {
        recipe_name: "tests.test_sums > test_adds[1-2]",
        ecosystem: "npm",
        result: "passed",
        duration_seconds: 0.001,
      },
      expect.objectContaining({
        result: "failed",
        error_category: "failure",
        error_message: expect.stringContaining("AssertionError"),
      }),
      expect.objectContaining({
        result: "skipped",
        error_category: "skipped",
        error_message: expect.stringContaining("not here"),
      }),
      expect.objectContaining({ result: "failed", error_category: "error" }),
    ]);
  });

  test("Surefire has its types, its thousands, and a flaky test that passed", async ({
    expect,
  }) => {
    const { results } = await report("surefire.xml");
    expect(results).toMatchObject([
      { result: "passed", duration_seconds: 1234.5 },
      {
        result: "failed",
        error_category: "java.lang.IllegalStateException",
        error_message: expect.stringMatching(/^java.lang.IllegalStateException: boom\n/),
      },
      { result: "skipped", error_message: "not yet" },
      { result: "passed", error_category: "flaky" },
    ]);
    expect(JSON.stringify(results)).not.toContain("noise");
  });

  test("suites within suites names the innermost", async ({ expect }) => {
    const { results } = await report("nested.xml");
    expect(results).toMatchObject([
      { recipe_name: "SumsFixture > Adds", duration_seconds: 0.5 },
      { recipe_name: "SumsFixture > Fails", error_message: "expected 1" },
    ]);
  });
});

test.for([
  // A part of a word is no repetition.
  ["test_job", "test_job_run_fails", "test_job > test_job_run_fails"],
  ["Sums", "failsSums", "Sums > failsSums"],
  ["été", "étés", "été > étés"],
  ["sums", "sums adds", "sums adds"],
  ["adds", "sums adds", "sums adds"],
  ["tests/sums.js", "tests/sums.js::adds", "tests/sums.js::adds"],
  ["adds", "adds", "adds"],
] as const)("a test %j > %j is named %j", async ([classname, name, expected], { expect }) => {
  const [first] = await imported(
    `<testsuite><testcase classname="${classname}" name="${name}"/></testsuite>`,
  );
  expect(first?.upload["results"]).toMatchObject([{ recipe_name: expected }]);
});

test("the results of JUnit XML and CTRF have the platform that is given, and else none", async ({
  expect,
}) => {
  const ctrf = JSON.stringify({ results: { tests: [{ name: "a", status: "passed" }] } });
  for (const text of ['<testsuite><testcase name="a"/></testsuite>', ctrf]) {
    const [told] = await imported(text, { platform: "macos" });
    expect(told?.upload["results"]).toMatchObject([{ recipe_name: "a", platform: "macos" }]);
    const [untold] = await imported(text);
    expect(JSON.stringify(untold?.upload)).not.toContain("platform");
  }
});

describe("CTRF", () => {
  const ctrf = (tests: object[], summary: unknown = null) =>
    imported(JSON.stringify({ results: { summary, tests } }));

  test("has as an error's category the tool's own word, and never the type of the test", async ({
    expect,
  }) => {
    const [first] = await ctrf([
      { name: "a", status: "failed", type: "e2e" },
      { name: "b", status: "failed", type: "unit", rawStatus: "timedOut" },
      { name: "c", status: "failed", rawStatus: "failed" },
      { name: "d", status: "pending" },
      { name: "e", status: "passed", rawStatus: "ok" },
    ]);
    const { results } = JSON.parse(JSON.stringify(first?.upload));
    expect(results.map((each: Record<string, unknown>) => each["error_category"])).toEqual([
      "failure",
      "timedOut",
      "failure",
      "pending",
      undefined,
    ]);
  });

  test("with an odd field is read without it", async ({ expect }) => {
    const odd = { duration: "3", message: { text: "no" }, suite: 7, flaky: "yes", trace: "at x" };
    // Microseconds: a moment in the year 57000, which the service would refuse.
    const [first] = await ctrf([{ name: "a", status: "failed", ...odd }], { start: 1.75e15 });
    expect(first?.upload).toMatchObject({
      started_at: DEFAULTS.startedAt,
      results: [{ recipe_name: "a", result: "failed", error_message: "at x" }],
    });
    expect(await ctrf([{ name: "a", status: "passed" }])).toHaveLength(1);
  });
});

describe("Millrace's own JSON", () => {
  const upload = {
    ecosystem: "npm",
    started_at: "2026-01-01T00:00:00Z",
    total_recipes: 0,
    results: [],
  };

  test("is one upload, on one line or on many, and keeps its batch_id", async ({ expect }) => {
    const own = { batch_id: "own", ...upload };
    for (const text of [
      JSON.stringify(own),
      JSON.stringify(own, null, 2),
      `\uFEFF\n${JSON.stringify(own)}\n`,
    ]) {
      const [first, ...more] = await imported(text);
      expect([first?.upload, more]).toEqual([own, []]);
    }
  });

  test("without a batch_id gets the default, and each line one of its own", async ({ expect }) => {
    const uploads = await imported(`${JSON.stringify(upload)}\n\n${JSON.stringify(upload)}\n`);
    expect(uploads.map((each) => each.upload["batch_id"])).toEqual(["run-1", "run-1:3"]);
    expect(uploads.map(({ source }) => source)).toEqual(["report:1", "report:3"]);
  });

  test("gets what it does not say itself, and keeps what it says", async ({ expect }) => {
    const minutes = { macos_minutes: 5, linux_minutes: 10 };
    const bare = { started_at: null, linux_minutes: 3, total_recipes: 0, results: [] };
    const texts = [JSON.stringify(bare), JSON.stringify(upload)].join("\n");
    const [first, second] = await imported(texts, { minutes, ecosystem: "pypi" });
    expect(first?.upload).toEqual({
      ...bare,
      batch_id: "run-1",
      ecosystem: "pypi",
      started_at: "2026-01-01T00:00:00Z",
      macos_minutes: 5,
    });
    // The minutes are the job's, and counted once.
    expect(second?.upload).toEqual({ batch_id: "run-1:2", ...upload });
  });

  test("of many lines has names that the service takes, of CTRF too", async ({ expect }) => {
    const ctrf = JSON.stringify({ results: { tests: [] } });
    const text = [ctrf, ctrf, JSON.stringify(upload)].join("\n");
    const uploads = await imported(text, { batchId: "b".repeat(199) });
    const names = uploads.map((each) => String(each.upload["batch_id"]));
    expect(new Set(names).size).toBe(3);
    expect(names.every((name) => name.length <= 200)).toBe(true);
  });

  test("with records is for executions", async ({ expect }) => {
    expect((await imported('{"batch_id":"e","records":[]}'))[0]?.stream).toBe("executions");
  });

  test("with wrong lines gives its good ones first, and then names the others", async ({
    expect,
  }) => {
    const good = JSON.stringify(upload);
    const seen: ImportedUpload[] = [];
    await expect(allOf([`${good}\n{"a":\n${good}\n[]\n`], {}, seen)).rejects.toThrow(
      "report:2: this line is not JSON (and 1 more, in lines 4)",
    );
    expect(seen.map(({ source }) => source)).toEqual(["report:1", "report:3"]);
  });
});

test("white space without end is refused, and not read to its end", async ({ expect }) => {
  let read = 0;
  function* blanks() {
    for (; read < 100_000; read++) yield " ".repeat(10_000);
  }
  await expect(allOf(blanks())).rejects.toThrow("report:1: this is nothing but white space");
  expect(read).toBeLessThan(1_000);
});

test.for([
  ["of long lines", `${"x".repeat(8_000_000)}\n`, "35: up to here the file is one JSON value"],
  ["of empty lines", "\n".repeat(100_000), "6710888: up to here the file is one JSON value"],
  ["on one line", "x".repeat(8_000_000), "2: the line is over 268435456 characters"],
] as const)(
  "a value %s without end is refused, and not read to its end",
  async ([, piece, fault], { expect }) => {
    const more = Buffer.from(piece);
    let pieces = 0;
    async function* endless() {
      for (;;) {
        pieces += 1;
        yield pieces === 1 ? Buffer.from('{"batch_id":\n') : more;
      }
    }
    await expect(allOf(endless())).rejects.toThrow(`report:${fault}`);
    expect(pieces).toBeLessThan(100);
  },
);

test("a broken first line does not lose the good ones after it", async ({ expect }) => {
  const good = JSON.stringify({ batch_id: "b", ecosystem: "npm", results: [] });
  const seen: ImportedUpload[] = [];
  const reading = allOf([`{"a":\n${good}\n\n${good}\n`], {}, seen);
  await expect(reading).rejects.toThrow("report:1: this line is not JSON");
  expect(seen.map(({ source }) => source)).toEqual(["report:2", "report:4"]);
});

describe("what is no report is refused, by file and line:", () => {
  test.for([
    ["", "report:1: the file is empty"],
    ["  \n ", "report:1: the file is empty"],
    ["\u0000\u0001PK", "report:1: this is no text, but binary data"],
    ["hello", "report:1: this is neither JUnit XML nor JSON"],
    ["<html></html>", "report:1: <html> is no JUnit report"],
    [
      "<testsuite>\n<testcase name='a'>\n</testsuite>",
      "report:3: the XML is broken: unexpected close tag",
    ],
    ["<testsuites><testsuite>", "report:1: the XML is broken: unclosed tag"],
    [
      '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>\n<testsuite name="&e;"/>',
      "report:1: a document type is not taken",
    ],
    ['<testsuite name="&lol;"/>', "the XML is broken: undefined entity"],
    ['{\n"a": 1,\n}', "report:3: the JSON is broken"],
    ["[1]", "report:1: a report is a JSON object"],
    ['{"a":1}', "report:1: this is neither CTRF nor an upload"],
    ['{"results":{"tests":[{"name":7}]}}', "report:1: CTRF: results.tests.0.name"],
    ['{"results":{"tests":\n[{"name":7}]}}', "report: CTRF: results.tests.0.name"],
    [
      '{"results":{"tests":[]}}\n{"results":{"tests":7}}',
      /^report:2: CTRF: results\.tests: Invalid/,
    ],
    [
      '{"results":{"tests":7}}\n[]\n{"results":{"tests":8}}',
      /^report:1: CTRF: results\.tests: Invalid.* 7 \(and 2 more, in lines 2, 3\)$/,
    ],
  ] as const)("%j", async ([text, message], { expect }) => {
    await expect(imported(text)).rejects.toThrow(message);
  });

  test.for([
    ['{\n"a": line 7 column 1}', "report: the JSON is broken: Unexpected token 'l', "],
    ['{\n"a":\n', "report: the JSON is broken: Unexpected end"],
  ] as const)("%j, whose place is unknown", async ([text, message], { expect }) => {
    await expect(imported(text)).rejects.toThrow(message);
  });

  test("JSON that is not UTF-8", async ({ expect }) => {
    const bytes = Buffer.from('{"batch_id":"é","results":[]}', "latin1");
    await expect(imported(bytes)).rejects.toThrow("report: this is not UTF-8 text");
  });
});

test.for([1, 2, 3, 5, 1_000])(
  "characters that XML forbids do not lose the report, raw or by number, in chunks of %d",
  async (size, { expect }) => {
    const failure = "a&#x1B;[31m red &#27;[0m \u0001 &#0; &#xD800; &#x1F642; &#10; &amp; &lt;b";
    const text = `<testsuite><testcase name="t"><failure message="${failure}"/></testcase></testsuite>`;
    const chunks = Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
      text.slice(index * size, (index + 1) * size),
    );
    const message = "a\uFFFD[31m red \uFFFD[0m \uFFFD \uFFFD \uFFFD 🙂 \n & <b";
    expect(await allOf(chunks)).toMatchObject([
      { upload: { failed: 1, results: [{ error_message: message }] } },
    ]);
  },
);

describe("a report is read", () => {
  const suite = '<testsuite><testcase name="é"><failure>no\0</failure></testcase></testsuite>';
  const utf16 = Buffer.from(`<?xml version="1.0" encoding="UTF-16"?>\n${suite}`, "utf16le");
  const json = JSON.stringify({ results: { tests: [{ name: "é", status: "passed" }] } });

  test.for([
    ["in UTF-8 with a byte order mark", Buffer.from(`\uFEFF\r\n<?xml version="1.0"?>${suite}`)],
    ["in UTF-16", Buffer.concat([Buffer.from([0xff, 0xfe]), utf16])],
    ["in UTF-16, big-endian", Buffer.concat([Buffer.from([0xff, 0xfe]), utf16]).swap16()],
    ["in UTF-16 without a byte order mark", utf16],
    ["in Latin-1", Buffer.from(`<?xml version='1.0' encoding='ISO-8859-1'?>${suite}`, "latin1")],
    ["in windows-1252", Buffer.from(`<?xml encoding="windows-1252"?>${suite}`, "latin1")],
    ["in an encoding nobody knows", Buffer.from(`<?xml encoding="klingon"?>${suite}`)],
    ["in what is UTF-16 only by its own word", Buffer.from(`<?xml encoding="utf-16"?>${suite}`)],
    ["after white space", Buffer.from(`\n \n<?xml version="1.0"?>\n${suite}`)],
    ["of JSON in UTF-16", Buffer.from(`\uFEFF${json}`, "utf16le")],
  ] as const)("%s", async ([, bytes], { expect }) => {
    const [first] = await imported(bytes);
    expect(first?.upload).toMatchObject({ results: [{ recipe_name: "é" }] });
  });

  test("with a replacement for a byte that is no text", async ({ expect }) => {
    const bytes = Buffer.concat([
      Buffer.from('<testsuite><testcase name="a"><failure>red '),
      Buffer.from([0xff, 0xc3]),
      Buffer.from("</failure></testcase></testsuite>"),
    ]);
    const [first] = await imported(bytes);
    expect(first?.upload).toMatchObject({ results: [{ error_message: "red \uFFFD\uFFFD" }] });
  });

  test("with the line of a fault, whatever comes before it", async ({ expect }) => {
    const text = '\n\n<?xml version="1.0"?>\n<testsuite>\n</testcase>';
    await expect(imported(text)).rejects.toThrow("report:5: the XML is broken");
  });
});

test("an odd name does not lose the report", async ({ expect }) => {
  const names = ["", " ", "x".repeat(2_000), "\u001b[31mred\u001b[0m", "a&#10;b", "é🙂"];
  const cases = names.map((name) => `<testcase name="${name}"/>`).join("");
  const [first] = await imported(`<testsuite>${cases}</testsuite>`);
  expect(first?.upload["results"]).toHaveLength(names.length);
});

test("a cancelled job says so, and without results makes no upload", async ({ expect }) => {
  const some = '<testsuite><testcase name="a"/></testsuite>';
  const [first] = await imported(some, { cancelled: true });
  expect(first?.upload).toMatchObject({
    total_recipes: 2,
    passed: 1,
    skipped: 1,
    results: [{ result: "passed" }, { result: "skipped", error_category: "cancelled" }],
  });
  expect(await imported("<testsuite/>", { cancelled: true })).toEqual([]);
  expect(await imported("<testsuite/>")).toHaveLength(1);
});

test("a report of 60 MB is read in little memory", async ({ expect }) => {
  const one = `<testcase name="case" classname="c" time="0.1"><system-out>${"x".repeat(6_000)}</system-out></testcase>`;
  function* pieces() {
    yield "<testsuite>";
    for (let index = 0; index < 10_000; index++) yield one;
    yield "</testsuite>";
  }
  const before = process.memoryUsage().heapUsed;
  expect(await allOf(pieces())).toMatchObject([{ upload: { total_recipes: 10_000 } }]);
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(200_000_000);
});

test("a report of more tests than one upload takes is several, and the minutes count once", async ({
  expect,
}) => {
  function* pieces() {
    yield '<testsuites><testsuite timestamp="2026-02-01T00:00:00">';
    for (let index = 0; index < 1_001; index++) yield '<testcase name="t"/>'.repeat(1_000);
    yield '<testcase name="last"><failure/></testcase></testsuite></testsuites>';
  }
  const uploads = [];
  for await (const { upload } of uploadsOf(pieces(), { minutes: { linux_minutes: 9 } })) {
    const { results, ...run } = upload;
    uploads.push({ ...run, rows: Array.isArray(results) ? results.length : 0 });
  }
  const common = { ecosystem: "npm", started_at: "2026-02-01T00:00:00Z", skipped: 0 };
  const full = { ...common, total_recipes: 500_000, passed: 500_000, failed: 0, success_rate: 1 };
  expect(uploads).toEqual([
    { ...full, batch_id: "run-1", rows: 500_000, linux_minutes: 9 },
    { ...full, batch_id: "run-1.from500001", rows: 500_000 },
    {
      ...common,
      batch_id: "run-1.from1000001",
      total_recipes: 1_001,
      passed: 1_000,
      failed: 1,
      success_rate: 1_000 / 1_001,
      rows: 1_001,
    },
  ]);
});

describe("of failures only", () => {
  const text = `<testsuite><testcase name="a"/><testcase name="b"><failure/></testcase>
    <testcase name="c"><skipped/></testcase><testcase name="d"/></testsuite>`;
  const counts = { total_recipes: 4, passed: 2, failed: 1, skipped: 1, success_rate: 0.5 };

  test("what failed is a result, and the run counts everything", async ({ expect }) => {
    const [first] = await imported(text, { failuresOnly: true });
    const results = [{ recipe_name: "b", result: "failed" }];
    expect(first?.upload).toMatchObject({ ...counts, results });
    const [good] = await imported(`<testsuite><testcase name="a"/></testsuite>`, {
      failuresOnly: true,
    });
    expect(good?.upload).toMatchObject({ total_recipes: 1, success_rate: 1, results: [] });
  });

  test("a test that a report calls cancelled did not fail", async ({ expect }) => {
    const tests = [{ name: "a", status: "skipped", rawStatus: "cancelled", duration: 1 }];
    const summary = {
      tests: 1,
      passed: 0,
      failed: 0,
      pending: 0,
      skipped: 1,
      other: 0,
      start: 1,
      stop: 2,
    };
    const ctrf = JSON.stringify({ results: { tool: { name: "t" }, summary, tests } });
    const [first] = await imported(ctrf, { failuresOnly: true });
    expect(first?.upload).toMatchObject({ total_recipes: 1, skipped: 1, results: [] });
  });

  test("a cancelled job still says so, whatever passed before", async ({ expect }) => {
    const [first] = await imported(text, { failuresOnly: true, cancelled: true });
    expect(first?.upload).toMatchObject({
      ...counts,
      total_recipes: 5,
      skipped: 2,
      success_rate: 0.4,
      results: [{ recipe_name: "b" }, { error_category: "cancelled" }],
    });
    const passed = `<testsuite><testcase name="a"/></testsuite>`;
    const [all] = await imported(passed, { failuresOnly: true, cancelled: true });
    expect(all?.upload).toMatchObject({ passed: 1, results: [{ error_category: "cancelled" }] });
  });
});

test("a report of more text than one upload takes is several", ({ expect }) => {
  const collection = new Collection("report", DEFAULTS);
  const message = "x".repeat(20_000);
  for (let index = 0; index < 30_000; index++) {
    collection.add({ name: "t", result: "failed", message });
  }
  const uploads = [...collection.full(), ...collection.rest()];
  const totals = uploads.map(({ upload }) => [upload["batch_id"], upload["total_recipes"]]);
  // 256 Mi characters are 13,421 messages and names, and the one that is too much.
  expect(totals).toEqual([
    ["run-1", 13_422],
    ["run-1.from13423", 13_422],
    ["run-1.from26845", 3_156],
  ]);
});

/** Bytes of the heap that are not garbage. */
function used(): number {
  setFlagsFromString("--expose-gc");
  const collect: () => void = runInNewContext("gc");
  collect();
  return process.memoryUsage().heapUsed;
}

const MEGABYTE = "x".repeat(1_000_000);

test.for([
  ["message", `<testcase name="t"><failure message="${MEGABYTE}"/></testcase>`],
  ["category", `<testcase name="t"><failure type="${MEGABYTE}"/></testcase>`],
  ["name", `<testcase name="a test with a name"/><system-out>${MEGABYTE}</system-out>`],
] as const)(
  "a %s does not keep in memory the text that it was cut from",
  async ([, piece], { expect }) => {
    function* pieces() {
      yield "<testsuite>";
      for (let index = 0; index < 100; index++) yield piece;
      yield "</testsuite>";
    }
    const before = used();
    const uploads = await allOf(pieces());
    const held = used() - before;
    expect(uploads).toMatchObject([{ upload: { total_recipes: 100 } }]);
    expect(held).toBeLessThan(30_000_000);
  },
);

test("ever so many wrong lines take little memory, and few are named", async ({ expect }) => {
  const before = used();
  let held = 0;
  function* pieces() {
    yield `{"batch_id":"b","results":[]}\n`;
    for (let index = 0; index < 400; index++) yield "[]\n".repeat(500);
    held = used() - before;
  }
  const failure: unknown = await allOf(pieces()).catch((error: unknown) => error);
  const lines = Array.from({ length: 20 }, (_, index) => index + 3).join(", ");
  expect(String(failure)).toBe(
    `ImportError: report:2: a report is a JSON object (and 199999 more, in lines ${lines}, …)`,
  );
  expect(held).toBeLessThan(20_000_000);
});

test("one long line is as good as many", async ({ expect }) => {
  const message = "x".repeat(50_000);
  function* pieces() {
    yield '{"results":{"tests":[';
    for (let index = 0; index < 1_400; index++)
      yield `${index ? "," : ""}{"name":"t","status":"failed","message":"${message}"}`;
    yield "]}}";
  }
  expect(await allOf(pieces())).toMatchObject([{ upload: { failed: 1_400 } }]);
});
