import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { createHash } from "node:crypto";
import { test } from "vitest";
import { newFolder } from "../folder.ts";
import { run, start, writeUploads } from "./bundle.ts";
import { AWAY } from "./front.ts";
import { waitingIn } from "./spools.ts";
import { ONE_CASE, uploadNamed } from "./uploads.ts";

function settings() {
  return { MILLRACE_SPOOL: join(newFolder(), "spool.db") };
}

test("a wrong command line ends with 2, help and version with 0", async ({ expect }) => {
  const codes = [["nonsense"], ["upload"], ["status"], ["--version"], ["--help"], ["help"]].map(
    async (args) => (await run(args)).code,
  );
  expect(await Promise.all(codes)).toEqual([2, 2, 2, 0, 0, 0]);
  const option = await run(["upload", "x", "--deadline", "soon"]);
  expect([option.code, option.stderr]).toEqual([2, "error: --deadline must be a number\n"]);
});

test("a Node without SQLite is told which one is needed, before anything else", async ({
  expect,
}) => {
  const old = { NODE_OPTIONS: "--no-experimental-sqlite" };
  const stderr = `error: Node 22.13 or later is needed, this is ${process.versions.node}.\n`;
  for (const args of [["upload", "-"], ["flush"], ["doctor"]]) {
    expect(await run(args, old)).toEqual({ code: 2, stdout: "", stderr });
  }
});

test("a wrong file is named, ends with 2, and the others are kept", async ({ expect }) => {
  const folder = newFolder();
  writeUploads(folder, "good", 2);
  writeFileSync(join(folder, "bad.json"), JSON.stringify({ batch_id: "x", results: [] }));
  const where = settings();
  const result = await run(["upload", `${folder}/*.json`, "gone.xml"], where);
  expect(result.code).toBe(2);
  expect(result.stderr).toContain("gone.xml: there is no such file");
  expect(result.stderr).toMatch(/bad\.json.*total_recipes is required/);
  expect(result.stdout).toBe("2 spooled\n");
  const listed: object[] = JSON.parse((await run(["spool", "list", "--json"], where)).stdout);
  expect(listed.length).toBe(2);
});

test("without an address that can be used the uploads are kept, with what is wrong with it", async ({
  expect,
}) => {
  for (const [address, problem] of [
    ["", "no address is configured: give --url or set MILLRACE_URL"],
    ["millrace.example.dev", "--url or MILLRACE_URL must be an address like https://"],
    ["localhost:8787", "--url or MILLRACE_URL must begin with http:// or https://"],
  ] as const) {
    const where = { ...settings(), MILLRACE_URL: address };
    const args = ["upload", "-"];
    const kept = await run(args, where, uploadNamed("a").text);
    expect([kept.code, kept.stdout]).toEqual([0, "1 spooled\n"]);
    expect(kept.stderr).toContain(`batch-metrics a is spooled: ${problem}`);
    const failing = await run([...args, "--fail-on-error"], where, uploadNamed("b").text);
    expect([failing.code, failing.stdout]).toEqual([1, "1 spooled\n"]);
    expect((await run(["flush"], where)).code).toBe(2);
  }
});

test("a wrong line is named, and the other lines of its file are kept", async ({ expect }) => {
  const bad = JSON.stringify({ ...JSON.parse(uploadNamed("b").text), ecosystem: 7 });
  const lines = [uploadNamed("a").text, bad, uploadNamed("c").text].join("\n");
  const { code, stdout, stderr } = await run(["upload", "-"], settings(), lines);
  expect([code, stdout]).toEqual([2, "2 spooled\n"]);
  expect(stderr).toContain("-:2: ecosystem must be a string");
});

test("validate says what the service would say, and needs no service", async ({ expect }) => {
  const folder = newFolder();
  writeUploads(folder, "good", 1);
  const unknown = { ...JSON.parse(uploadNamed("x").text), colour: "red" };
  writeFileSync(join(folder, "odd.json"), JSON.stringify(unknown));
  const result = await run(["validate", `${folder}/*.json`]);
  expect(result.code).toBe(2);
  expect(result.stderr).toContain("colour is not a known field");
  expect(result.stdout).toMatch(/good-0\.json: valid \(uploads: 1, rows: 2\)/);
});

test("convert prints what would be sent", async ({ expect }) => {
  const { text } = uploadNamed("a");
  const result = await run(["convert", "-"], {}, text);
  expect([result.code, JSON.parse(result.stdout)]).toEqual([0, JSON.parse(text)]);
});

test("the minutes of a job go with the first of its reports", async ({ expect }) => {
  const folder = newFolder();
  const files = ["b.xml", "a.xml"].map((name) => join(folder, name));
  for (const file of files) writeFileSync(file, ONE_CASE);
  const { stdout } = await run(["convert", "--json", ...files], {
    MILLRACE_LINUX_MINUTES: "10",
  });
  const uploads: { source: string; upload: { linux_minutes?: number } }[] = JSON.parse(stdout);
  expect(uploads.map(({ source, upload }) => [source, upload.linux_minutes])).toEqual([
    [files[0], 10],
    [files[1], undefined],
  ]);
});

test("--batch-id is the whole name of one file that is named, not of one that a glob finds", async ({
  expect,
}) => {
  const folder = newFolder();
  const files = ["a.xml", "b.xml"].map((name) => join(folder, name));
  for (const file of files) writeFileSync(file, ONE_CASE);
  const [file = ""] = files;
  const named = async (args: readonly string[], input = "") => {
    const given = ["convert", "--batch-id", "nightly", ...args];
    const { stdout } = await run(given, {}, input);
    return stdout.split("\n").flatMap((line) => (line ? [String(JSON.parse(line).batch_id)] : []));
  };
  expect(await named([file])).toEqual(["nightly"]);
  expect(await named(["-"], ONE_CASE)).toEqual(["nightly"]);
  const several = await named([`${folder}/*.xml`]);
  expect(several).toEqual([expect.stringMatching(/^nightly:/), expect.stringMatching(/^nightly:/)]);
  expect(await named([`${folder}/a*.xml`])).toEqual(several.slice(0, 1));
  expect(await named([file, file])).toEqual(several.slice(0, 1));
  expect(await named([file, "gone.xml"])).toEqual(several.slice(0, 1));

  const where = settings();
  await run(["upload", "--batch-id", "nightly", `${folder}/a*.xml`], where);
  const { stdout } = await run(["spool", "list", "--json"], where);
  expect(JSON.parse(stdout)).toMatchObject([{ batch_id: expect.stringMatching(/^nightly:/) }]);
  // As the whole this is too long; with something after it, it is shortened.
  const long = ["validate", "--batch-id", "n".repeat(201)];
  expect((await run([...long, file])).code).toBe(2);
  expect((await run([...long, `${folder}/a*.xml`])).code).toBe(0);
});

test("an empty variable, and an empty option, is one that is not set", async ({ expect }) => {
  const file = join(newFolder(), "a.xml");
  writeFileSync(file, ONE_CASE);
  const empty = {
    MILLRACE_ECOSYSTEM: "",
    MILLRACE_PLATFORM: "",
    MILLRACE_LINUX_MINUTES: "",
    MILLRACE_URL: " ",
  };
  const bare = await run(["convert", file], empty);
  expect(JSON.parse(bare.stdout)).toMatchObject({ ecosystem: "ci" });
  expect(bare.stdout).not.toContain("platform");
  const options = ["--ecosystem=", "--batch-id=", "--started-at=", "--platform="];
  const given = await run(["convert", file, ...options], { MILLRACE_ECOSYSTEM: "npm" });
  expect(given.stdout).toBe(bare.stdout.replaceAll('"ci"', '"npm"'));
  const set = { MILLRACE_PLATFORM: "macos" };
  const platformOf = async (...args: string[]) =>
    JSON.parse((await run(["convert", file, ...args], set)).stdout).results[0].platform;
  expect(await platformOf("--platform=")).toBe("macos");
  expect(await platformOf("--platform", "linux")).toBe("linux");
  const store = join(newFolder(), "absent.db");
  const telemetry = ["--telemetry", "", "", "--url", AWAY];
  const flushed = async (args: string[]) =>
    (await run(["flush", ...args], { ...settings(), MILLRACE_TELEMETRY: store })).stderr;
  expect(await flushed(telemetry)).toContain("absent.db: there is no such telemetry store");
  const other = ["--telemetry", " ", "other.db", "--url", AWAY];
  expect(await flushed(other)).toBe("error: other.db: there is no such telemetry store\n");
  const where = settings();
  const sent = ["upload", file, "--deadline=", "--url=", "--spool=", "--rate="];
  expect((await run(sent, { ...where, ...empty })).stdout).toBe("1 spooled\n");
  expect((await run(["spool", "list", "--json"], where)).stdout).toContain("a.xml");
});

test("an upload can be shown and dropped by its number in the spool", async ({ expect }) => {
  const where = settings();
  const { text } = uploadNamed("a");
  await run(["upload", "-"], where, text);
  const shown = await run(["spool", "show", "1"], where);
  expect(JSON.parse(shown.stdout)).toEqual(JSON.parse(text));
  expect((await run(["spool", "drop"], where)).code).toBe(2);
  const dropped = await run(["spool", "drop", "1", "2", "--json"], where);
  expect([dropped.code, JSON.parse(dropped.stdout)]).toEqual([1, { dropped: [1], missing: [2] }]);
});

test("SIGINT while standard input is still open keeps the files, and ends with 130", async ({
  expect,
}) => {
  const folder = newFolder();
  writeUploads(folder, "kept", 1);
  const where = { ...settings(), MILLRACE_URL: AWAY, MILLRACE_TOKEN: "t" };
  const { child, ended } = start(["upload", "-", join(folder, "kept-0.json")], where);
  await expect.poll(() => waitingIn(where.MILLRACE_SPOOL), { timeout: 40_000 }).toBe(1);
  child.kill("SIGINT");
  const { code, stdout, stderr } = await ended;
  expect([code, stdout]).toEqual([130, "1 spooled\n"]);
  expect(stderr).toContain("error: -: not read to its end before the interrupt\n");
  expect(stderr).not.toContain("kept-0.json");
});

test("what comes after the grace is neither kept nor sent", async ({ expect }) => {
  const script = `
    import { upload } from "./cli/commands/upload.ts";
    import { Spool } from "./cli/spool/spool.ts";
    const { add } = Spool.prototype;
    let added = 0;
    Spool.prototype.add = function (entry) {
      if (++added === 20) process.kill(process.pid, "SIGINT");
      return add.call(this, entry);
    };
    process.on("exit", () => console.log(added));
    await upload(["-"], { spool: process.argv[1] });
    console.log("ended");`;
  const { MILLRACE_SPOOL } = settings();
  const client = spawn(process.execPath, ["--input-type=module", "-e", script, MILLRACE_SPOOL], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  let stdout = "";
  client.stdout.on("data", (chunk) => (stdout += chunk));
  const lines = Array.from({ length: 20 }, (_, index) => `${uploadNamed(`n${index}`).text}\n`);
  client.stdin.write(lines.join(""));
  await expect.poll(() => stdout, { timeout: 20_000 }).toContain("ended");
  client.stdin.end(lines.join(""));
  await new Promise((resolve) => client.once("close", resolve));
  expect(stdout.trim().split("\n").at(-1)).toBe("20");
});

test("a new token is shown with its hash, and never with the secret for the service", async ({
  expect,
}) => {
  const args = ["token", "new", "--json", "--name", "deploy", "--scopes", "ingest,admin"];
  const { token, secret } = JSON.parse((await run(args)).stdout);
  const sha256 = createHash("sha256").update(token).digest("hex");
  expect(secret).toEqual({ name: "deploy", sha256, scopes: ["ingest", "admin"] });
  const { stdout } = await run(["token", "new"]);
  const [, put = "", array = ""] = /(npx wrangler .*)\n +(\[.*\])\n$/.exec(stdout) ?? [];
  expect([put, JSON.parse(array)]).toMatchObject([
    "npx wrangler secret put MILLRACE_TOKENS",
    [{ name: "ci", scopes: ["ingest"] }],
  ]);
});

test("a slow reader of standard error gets all of it", async ({ expect }) => {
  const { child, ended } = start(["upload", "-"], settings());
  child.stdin?.end('{"results":[]}\n'.repeat(6_000));
  child.stderr?.pause();
  setTimeout(() => child.stderr?.resume(), 4_000);
  const { code, stderr } = await ended;
  expect([code, stderr.match(/total_recipes is required/g)?.length]).toEqual([2, 6_000]);
});

test("a reader that goes away does not end the client", async ({ expect }) => {
  const { child, ended } = start(["convert", "-"], {});
  child.stdout?.destroy();
  for (let index = 0; index < 500; index++) child.stdin?.write(`${uploadNamed("a").text}\n`);
  child.stdin?.end();
  expect((await ended).code).toBe(0);
});

test("with --json every failure is one JSON document too", async ({ expect }) => {
  const failures = [
    ["upload", "x", "--deadline", "soon"],
    ["upload"],
    ["status", "b"],
    ["status", "b", "--url", AWAY],
    ["dead", "list"],
    ["dead", "drop"],
    ["token", "new", "--scopes", "all"],
    ["flush", "--url", "gopher://x"],
  ].map(async (args) => {
    const { code, stdout, stderr } = await run([...args, "--json"], settings());
    const { error }: { error: string } = JSON.parse(stdout);
    return code !== 0 && error !== "" && stderr.includes(`error: ${error}`);
  });
  expect(await Promise.all(failures)).toEqual(failures.map(() => true));
  const file = await run(["status", "b", "--", "--json"], settings());
  expect(file.stdout).toBe("");
});

test("what is piped has no colours and no bars", async ({ expect }) => {
  const folder = newFolder();
  writeUploads(folder, "plain", 3);
  const { stdout, stderr } = await run(["upload", `${folder}/*.json`], settings());
  expect(`${stdout}${stderr}`).not.toContain("\u001b");
});

test("a spool that cannot be used does not break the build, but says what it means", async ({
  expect,
}) => {
  const file = join(newFolder(), "file");
  writeFileSync(file, "");
  const where = { MILLRACE_SPOOL: join(file, "spool.db") };
  const { code, stderr } = await run(["upload", "-"], where, uploadNamed("a").text);
  expect([code, stderr]).toEqual([0, expect.stringContaining("cannot be used")]);
});
