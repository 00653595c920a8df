import { type ChildProcess, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, inject, test } from "vitest";
import { summaryOf } from "../../cli/action/summary.ts";
import { Spool } from "../../cli/spool/spool.ts";
import { type LocalServer, startServer } from "../../scripts/local-server.ts";
import { newFolder } from "../folder.ts";
import { AWAY, openAnsweringFront, openBusyFront, openSilentFront } from "./front.ts";

let server: LocalServer | undefined;
beforeAll(async () => {
  server = await startServer(newFolder());
}, 120_000);
afterAll(() => server?.kill());

/** The service's address. */
function address(): string {
  return server?.url ?? "";
}

interface Ended {
  code: number | null;
  output: string;
  summary: string;
  outputs: string;
}

/** Runs a step's program as the runner would: a folder, an environment, and two files to write to. */
function step(
  program: string,
  args: string[],
  environment: Record<string, string>,
  onStart: (child: ChildProcess) => void = () => {},
): Promise<Ended> {
  const folder = newFolder();
  const [summary, outputs] = [join(folder, "summary"), join(folder, "outputs")];
  for (const path of [summary, outputs]) writeFileSync(path, "");
  const { PATH = "" } = process.env;
  const env = {
    PATH,
    HOME: folder,
    GITHUB_ACTIONS: "true",
    GITHUB_REPOSITORY: "org/repo",
    GITHUB_RUN_ID: folder,
    GITHUB_STEP_SUMMARY: summary,
    GITHUB_OUTPUT: outputs,
    ...environment,
  };
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd: folder, env });
    onStart(child);
    let output = "";
    child.stdout.on("data", (chunk) => (output += chunk));
    child.stderr.on("data", (chunk) => (output += chunk));
    child.on("close", (code) => {
      resolve({
        code,
        output,
        summary: readFileSync(summary, "utf8"),
        outputs: readFileSync(outputs, "utf8"),
      });
    });
  });
}

describe("the action", () => {
  const act = (
    inputs: Record<string, string>,
    onStart?: (child: ChildProcess) => void,
    runner: Record<string, string> = {},
  ) => {
    const all = {
      url: address(),
      token: "dev-upload-token",
      wait: "true",
      ...inputs,
    };
    const environment = Object.fromEntries(
      Object.entries(all).map(([name, value]) => [`INPUT_${name.toUpperCase()}`, value]),
    );
    const program = [join(inject("built"), "action", "main.mjs")];
    return step(process.execPath, program, { ...runner, ...environment }, onStart);
  };
  const report = join(process.cwd(), "test/fixtures/reports/vitest.xml");

  test("is what the sources make today", ({ expect }) => {
    for (const name of ["main.mjs", "millrace.mjs"]) {
      const made = readFileSync(join(inject("built"), "action", name), "utf8");
      // Compared as a truth: a difference of 200 kB helps nobody. Mend it with npm run build.
      expect([name, made === readFileSync(`action/${name}`, "utf8")]).toEqual([name, true]);
    }
  });

  test("uploads, and writes a summary that names each batch", async ({ expect }) => {
    const { code, summary, outputs } = await act({ files: report });
    expect(code).toBe(0);
    expect(summary).toContain("1 written");
    expect(summary).toMatch(/\| <code>github:\S+<\/code> \| \d+ \| written \|/);
    expect(summary).toContain("`millrace status ID`");
    expect(summary).not.toContain(address());
    expect(outputs).toBe("delivered=1\nspooled=0\n");
  });

  test("tells the jobs of a matrix in containers apart by the values of the matrix", async ({
    expect,
  }) => {
    const run = { GITHUB_RUN_ID: "1", HOSTNAME: "same" };
    const ended = await Promise.all(
      ['{"node":22}', '{"node":24}', "null"].map((key) =>
        act({ files: report, "job-key": key }, () => {}, run),
      ),
    );
    const ids = ended.map(({ summary }) => /<code>(github:[^<]*)<\/code>/.exec(summary)?.[1]);
    expect([new Set(ids).size, ids.includes(undefined)]).toEqual([3, false]);
    expect(readFileSync("action.yml", "utf8")).toContain("default: ${{ toJSON(matrix) }}");
  });

  test("counts among the delivered what the service has, though it cannot write it", async ({
    expect,
  }) => {
    const dead = await openAnsweringFront(202, '{"status":"dead","reason":"no"}');
    const { code, summary, outputs } = await act({ files: report, url: dead.url });
    dead.close();
    expect([code, outputs]).toEqual([0, "delivered=1\nspooled=0\n"]);
    expect(summary).toContain("dead: no");
  });

  /** The upload that a step with these inputs keeps, since its address is none. */
  const keptWith = async (inputs: Record<string, string>, runner: Record<string, string> = {}) => {
    const path = join(newFolder(), "spool.db");
    const away = { files: report, spool: path, url: "millrace.example.dev", ...inputs };
    await act(away, undefined, runner);
    const spool = new Spool(path);
    const body = gunzipSync(spool.body(1) ?? "").toString();
    spool.close();
    return JSON.parse(body);
  };

  test("leaves the ecosystem to its variable, unless the step names one", async ({ expect }) => {
    const inputs = readFileSync("action.yml", "utf8");
    const [, preset = ""] = /\n {2}ecosystem:\n.*\n {4}default: (.*)\n/.exec(inputs) ?? [];
    expect(preset).not.toBe("");
    const ecosystemOf = async (ecosystem: string, runner: Record<string, string>) =>
      (await keptWith({ ecosystem }, runner)).ecosystem;
    const untold = preset.replaceAll('"', "");
    expect(await ecosystemOf(untold, { MILLRACE_ECOSYSTEM: "npm" })).toBe("npm");
    expect(await ecosystemOf("pypi", { MILLRACE_ECOSYSTEM: "npm" })).toBe("pypi");
    expect(await ecosystemOf(untold, {})).toBe("ci");
  });

  test("names the platform of each result, if the step says which", async ({ expect }) => {
    expect(readFileSync("action.yml", "utf8")).toMatch(/^ {2}platform:$/m);
    expect((await keptWith({ platform: "macos" })).results[0].platform).toBe("macos");
    expect((await keptWith({})).results[0]).not.toHaveProperty("platform");
  });

  test("sends only what failed, if the step says so", async ({ expect }) => {
    const all = await keptWith({});
    const failures = await keptWith({ "failures-only": "true" });
    const { passed, failed, skipped, success_rate } = all;
    expect(passed).toBeGreaterThan(0);
    expect(failures).toMatchObject({ passed, failed, skipped, success_rate });
    expect([all.results.length, failures.results.length]).toEqual([
      passed + failed + skipped,
      failed,
    ]);
  });

  test("breaks no build when the service is away, and says what is in the spool", async ({
    expect,
  }) => {
    const away = { files: report, url: AWAY, wait: "false", deadline: "1" };
    const { code, output, summary, outputs } = await act(away);
    expect([code, outputs]).toEqual([0, "delivered=0\nspooled=1\n"]);
    expect(output).toContain("::warning title=Millrace::");
    expect(summary).toContain("kept in the spool");
    expect((await act({ ...away, "fail-on-error": "true" })).code).toBe(1);
  });

  test("sends what an earlier run has left in a spool that was kept", async ({ expect }) => {
    const spool = join(newFolder(), "spool.db");
    const left = await act({ files: report, spool, url: "millrace.example.dev" });
    expect([left.code, left.outputs]).toEqual([0, "delivered=0\nspooled=1\n"]);
    expect(left.output).toContain("must be an address like https://");
    const other = join(process.cwd(), "test/fixtures/reports/pytest.xml");
    expect((await act({ files: other, spool })).outputs).toBe("delivered=2\nspooled=0\n");
  });

  test("counts what is refused among what is kept, and says so", async ({ expect }) => {
    const page = await openAnsweringFront(200, "<html></html>");
    const { code, output, summary, outputs } = await act({ files: report, url: page.url });
    page.close();
    expect([code, outputs]).toEqual([0, "delivered=0\nspooled=1\n"]);
    expect(output).toMatch(/::warning.*1 refused in the spool .*: see millrace spool list/);
    expect(summary).toContain("1 kept in the spool as refused");
  });

  test("counts what is kept for another address too, so that it stays in the cache", async ({
    expect,
  }) => {
    const path = join(newFolder(), "spool.db");
    const page = await openAnsweringFront(200, "<html></html>");
    await act({ files: report, spool: path, url: page.url });
    page.close();
    const other = join(process.cwd(), "test/fixtures/reports/pytest.xml");
    const { code, output, summary, outputs } = await act({ files: other, spool: path });
    expect([code, outputs]).toEqual([0, "delivered=1\nspooled=1\n"]);
    expect(output).toContain(`for other addresses (1 for ${page.url})`);
    expect(summary).toContain("1 kept in the spool for other addresses");
    expect(summary).not.toContain(page.url);
  });

  test("tells no token and no password, also where they are wrong", async ({ expect }) => {
    const wrong = [
      { token: "sekrit-abc\nsekrit-def" },
      { url: "http://user:sekrit@127.0.0.1:9" },
      { url: "http://user:sek rit@127.0.0.1:9" },
    ];
    for (const inputs of wrong) {
      const { code, output, summary, outputs } = await act({ files: report, ...inputs });
      expect([code, outputs]).toEqual([0, "delivered=0\nspooled=1\n"]);
      expect(`${output}${summary}`).not.toMatch(/sek|rit@/);
    }
  });

  test("ends in order when the job is cancelled: what is not delivered is kept, and said", async ({
    expect,
  }) => {
    let asked = () => {};
    const silent = await openSilentFront(() => asked());
    const { code, summary, outputs } = await act(
      { files: report, url: silent.url, deadline: "50" },
      (child) => (asked = () => child.kill("SIGTERM")),
    );
    silent.close();
    expect([code, outputs]).toEqual([143, "delivered=0\nspooled=1\n"]);
    expect(summary).toContain("kept in the spool");
  });

  test("goes through the runner's proxy", async ({ expect }) => {
    const asked: (string | undefined)[] = [];
    const proxy = createServer().on("connect", ({ url }, socket) => {
      asked.push(url);
      socket.end("HTTP/1.1 502 Bad Gateway\r\n\r\n");
    });
    await new Promise<void>((resolve) => proxy.listen(0, "127.0.0.1", resolve));
    const place = proxy.address();
    const port = typeof place === "object" && place ? place.port : 0;
    const inputs = { files: report, url: "https://millrace.invalid", wait: "false", deadline: "1" };
    await act(inputs, undefined, { HTTPS_PROXY: `http://127.0.0.1:${port}` });
    proxy.close();
    expect(asked).toContain("millrace.invalid:443");
  });

  test.for([
    ["no scheme", "proxy.invalid:3128"],
    ["no scheme, but a password", "user:sekrit@proxy.invalid:3128"],
    ["a password that is not escaped", "http://user:sek%rit@proxy.invalid:3128"],
  ] as const)(
    "goes without a proxy whose address has %s, and does not tell it",
    async ([, proxy], { expect }) => {
      for (const runner of [{ HTTPS_PROXY: proxy }, { http_proxy: proxy, HTTPS_PROXY: "" }]) {
        const { code, output, outputs } = await act({ files: report }, undefined, runner);
        expect([code, outputs]).toEqual([0, "delivered=1\nspooled=0\n"]);
        expect(output).toMatch(/::warning.*(HTTPS_PROXY|http_proxy): not an address/);
        expect(output).not.toMatch(/sek|proxy\.invalid/);
      }
    },
  );

  test("warns of a file that is missing or malformed, and still uploads the others", async ({
    expect,
  }) => {
    const { code, output, outputs } = await act({
      files: `${report}\nno/such.xml\n${join(process.cwd(), "README.md")}`,
    });
    expect([code, outputs]).toEqual([0, "delivered=1\nspooled=0\n"]);
    expect(output).toMatch(/::warning.*README\.md:1: this is neither JUnit XML nor JSON/);
    expect(output).toMatch(/::warning.*such\.xml/);
  });
});

test("a summary of ever so many faults and uploads stays far below what GitHub takes", ({
  expect,
}) => {
  const text = "<&>|".repeat(1_000);
  const upload = {
    source: text,
    stream: "batch-metrics",
    batch_id: "b",
    rows: 1,
    state: "refused",
  };
  const report = {
    counts: { refused: 6_000, errors: 6_000 },
    uploads: Array.from({ length: 6_000 }, () => ({ ...upload, reason: text })),
    errors: Array.from({ length: 6_000 }, () => text),
    spool: { path: "spool.db", waiting: 0, refused: 0, elsewhere: [] },
  };
  const summary = summaryOf(report);
  expect(Buffer.byteLength(summary)).toBeLessThan(500_000);
  expect(summary).toContain("5950 more errors");
});

test("the example keeps a spool where its upload kept something or an older one was there, each job of a matrix its own", ({
  expect,
}) => {
  const workflow = readFileSync("examples/batch-operations.yml", "utf8");
  const steps = workflow.split("\n      - ");
  const [restore = "", upload = "", save = ""] = [
    "uses: actions/cache/restore",
    "uses: millrace/",
    "uses: actions/cache/save",
  ].map((uses) => steps.find((each) => each.includes(uses)));
  expect(restore).toContain("id: restore\n");
  expect(upload).toContain("id: upload\n");
  const kept = "steps.upload.outputs.spooled != '0'";
  const restored = "steps.restore.outputs.cache-matched-key != ''";
  // An empty one that was there already is not saved again.
  const full = "!endsWith(steps.restore.outputs.cache-matched-key, '-empty')";
  const when = /if: >-\n(?<lines>(?: {10}.*\n)+)/.exec(save)?.groups?.["lines"] ?? "";
  const condition = when.trim().replaceAll(/\s+/g, " ");
  expect(condition).toBe(`always() && (${kept} || (${restored} && ${full}))`);
  expect(save).toContain("}}${{ steps.upload.outputs.spooled == '0' && '-empty' || '' }}\n");
  const outputs = readFileSync("action.yml", "utf8").split("\noutputs:\n")[1];
  expect(outputs).toMatch(/^ {2}spooled:$/m);
  const keys = workflow.match(/key: .*|restore-keys: .*/g) ?? [];
  expect(keys.length).toBe(3);
  for (const key of keys) {
    expect(key).toContain("millrace-spool-${{ github.job }}-${{ strategy.job-index }}-");
  }
});

describe("the step with curl and jq", () => {
  const workflow = readFileSync("examples/batch-operations.yml", "utf8");
  const script = workflow
    .slice(workflow.lastIndexOf("run: |\n") + "run: |\n".length)
    .replaceAll(/^ {10}/gm, "");

  const curl = (content: string | undefined, url = address(), retries = 0) => {
    const results = join(newFolder(), "results.json");
    if (content !== undefined) writeFileSync(results, content);
    const environment = {
      MILLRACE_URL: url,
      BATCH_METRICS_TOKEN: "dev-upload-token",
      RESULTS: results,
    };
    // All the retries of a service that is away would take half a minute.
    const quick = script.replace("--retry 5 ", `--retry ${retries} `);
    return step("bash", ["--noprofile", "--norc", "-eo", "pipefail", "-c", quick], environment);
  };
  const upload = {
    batch_id: "curl-1",
    ecosystem: "npm",
    started_at: "2026-11-20T12:00:00Z",
    total_recipes: 0,
    results: [],
  };

  test("says which run was written", async ({ expect }) => {
    const { code, output, summary } = await curl(JSON.stringify(upload));
    expect([code, output]).toEqual([
      0,
      expect.stringMatching(/Millrace: written as run \d+, 0 results/),
    ]);
    expect(summary).toContain("curl-1 written");
  });

  test("tries again where the service sheds load, and tells how it ended", async ({ expect }) => {
    const shedding = await openBusyFront(address(), 2, "0", 503);
    const again = JSON.stringify({ ...upload, batch_id: "curl-again" });
    const { code, output } = await curl(again, shedding.url, 5);
    shedding.close();
    expect([code, shedding.posts.length]).toEqual([0, 3]);
    expect(output).toMatch(/Millrace: written as run \d+, 0 results/);
  });

  test.for([
    ["a missing file", undefined, "missing or is no upload"],
    ["a malformed file", "{", "missing or is no upload"],
    [
      "an upload that is refused",
      JSON.stringify({ ...upload, total_recipes: -1 }),
      "refused with 400: total_recipes must not be negative",
    ],
  ] as const)("warns of %s, and lets the build go on", async ([, content, message], { expect }) => {
    const { code, output, summary } = await curl(content);
    expect([code, output]).toEqual([0, expect.stringContaining("::warning title=Millrace::")]);
    expect(output).toContain(message);
    expect(summary).toContain("Millrace:");
  });

  test("warns when the service is away, and lets the build go on", async ({ expect }) => {
    const { code, output } = await curl(JSON.stringify(upload), AWAY);
    expect([code, output]).toEqual([0, expect.stringContaining("the service did not answer")]);
  });
});
