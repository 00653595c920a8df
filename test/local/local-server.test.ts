import { execFileSync, spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, test, vi } from "vitest";
import { startServer } from "../../scripts/local-server.ts";
import { newFolder } from "../folder.ts";

afterEach(() => void vi.unstubAllEnvs());

/** Whether a process is running whose command line names the folder of a state. */
function isUsed(state: string): boolean {
  return execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).includes(state);
}

test("a service that does not answer in time is an error, and nothing of it stays", async ({
  expect,
}) => {
  const [state, programs] = [newFolder(), newFolder()];
  const hanging = "#!/bin/sh\nsleep 600\n";
  writeFileSync(join(programs, "wrangler"), hanging, { mode: 0o755 });
  vi.stubEnv("PATH", `${programs}:${process.env["PATH"]}`);
  await Promise.all([
    expect(startServer(state, 8_000)).rejects.toThrow("the service does not answer"),
    expect.poll(() => isUsed(state), { timeout: 8_000 }).toBe(true),
  ]);
  expect(isUsed(state)).toBe(false);
});

test("a service ends with whoever started it, even by SIGKILL", async ({ expect }) => {
  const state = newFolder();
  const script = `
    const { startServer } = await import("./scripts/local-server.ts");
    console.log((await startServer(process.argv[1])).url);`;
  const starter = spawn(process.execPath, ["--input-type=module", "-e", script, state], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await new Promise((resolve) => starter.stdout.once("data", resolve));
  starter.kill("SIGKILL");
  await expect.poll(() => isUsed(state), { timeout: 10_000 }).toBe(false);
}, 120_000);

test("what is given to npm start wins over the environment, and a port that is taken is an error", async ({
  expect,
}) => {
  const server = await startServer(newFolder());
  const port = new URL(server.url).port;
  const second = spawn(process.execPath, ["scripts/start.ts", "--port", port], {
    env: { ...process.env, PORT: "1", MILLRACE_STATE: newFolder() },
  });
  let output = "";
  second.stdout.on("data", (chunk) => (output += chunk));
  second.stderr.on("data", (chunk) => (output += chunk));
  const code = await new Promise((resolve) => second.once("close", resolve));
  await server.kill();
  expect([code, output]).toEqual([
    1,
    expect.stringContaining(`already in use (127.0.0.1:${port})`),
  ]);
  expect(output).not.toContain("Millrace serves on");
}, 120_000);

test.for([
  [["--local-protocol", "https"], "https://127.0.0.1:8787", "curl -sSk https://"],
  [["--local-protocol=https"], "https://127.0.0.1:8787", "curl -sSk https://"],
  [[], "http://127.0.0.1:8787", "curl -sS http://"],
] as const)(
  "after npm start -- %j the service is announced at %s",
  ([args, url, curl], { expect }) => {
    const programs = newFolder();
    const ready = JSON.stringify({ event: "DEV_SERVER_READY", ip: "127.0.0.1", port: 8787 });
    const says = `#!${process.execPath}\nprocess.send?.(${JSON.stringify(ready)});process.disconnect?.();\n`;
    writeFileSync(join(programs, "wrangler"), says, { mode: 0o755 });
    const said = execFileSync(process.execPath, ["scripts/start.ts", ...args], {
      env: { ...process.env, PATH: `${programs}:${process.env["PATH"]}` },
      encoding: "utf8",
    });
    expect(said).toContain(`Millrace serves on ${url} `);
    expect(said).toContain(curl);
  },
);
