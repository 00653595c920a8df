import { join } from "node:path";
import { test } from "vitest";
import { newFolder } from "../folder.ts";
import { run } from "./bundle.ts";
import { openAnsweringFront, WRITTEN } from "./front.ts";
import { uploadNamed } from "./uploads.ts";

test.for([
  ["a page", 200, "<html></html>", {}],
  ["nothing", 204, "", {}],
  ["a proxy's page, of 400,", 400, "<html></html>", {}],
  ["a proxy's page, of 413,", 413, "<html></html>", {}],
  ["another service's JSON, of 421,", 421, '{"error":"misdirected"}', {}],
  ["a redirect", 301, "", { Location: "/elsewhere" }],
  ["a permanent redirect", 308, "", { Location: "/elsewhere" }],
] as const)(
  "what %s answered is refused, said so each time, and sent to the right address when told to",
  async ([, status, answer, headers], { expect }) => {
    const [wrong, right] = [
      await openAnsweringFront(status, answer, headers),
      await openAnsweringFront(201, WRITTEN),
    ];
    const where = { MILLRACE_SPOOL: join(newFolder(), "spool.db") };
    const settings = { ...where, MILLRACE_URL: wrong.url };
    const first = await run(["upload", "-"], settings, uploadNamed("first").text);
    expect([first.code, first.stdout]).toEqual([0, "1 refused\n"]);
    expect(first.stderr).toMatch(/1 refused in the spool .*: see millrace spool list/);
    const next = { ...where, MILLRACE_URL: right.url };
    const second = await run(["upload", "-"], next, uploadNamed("next").text);
    expect([second.code, second.stdout, right.posted]).toEqual([0, "1 written\n", ["next"]]);
    expect(second.stderr).toContain(`for other addresses (1 for ${wrong.url}): `);
    const { code, stdout } = await run(["flush", "--from", wrong.url], next);
    for (const front of [wrong, right]) front.close();
    expect([code, stdout, right.posted]).toEqual([0, "1 written\n", ["next", "first"]]);
  },
);

test("what the service itself refused with such a status is not tried again", async ({
  expect,
}) => {
  const [refusing, right] = [
    await openAnsweringFront(413, '{"title":"too large"}'),
    await openAnsweringFront(201, WRITTEN),
  ];
  const where = { MILLRACE_SPOOL: join(newFolder(), "spool.db") };
  const settings = { ...where, MILLRACE_URL: refusing.url };
  await run(["upload", "-"], settings, uploadNamed("first").text);
  const { stdout } = await run(["flush", "--from", refusing.url], {
    ...where,
    MILLRACE_URL: right.url,
  });
  for (const front of [refusing, right]) front.close();
  expect([stdout, right.posted]).toEqual(["nothing was sent\n", []]);
});

test("doctor finds the fault in an address that cannot be used, and goes on", async ({
  expect,
}) => {
  const settings = {
    MILLRACE_SPOOL: join(newFolder(), "spool.db"),
    MILLRACE_URL: "millrace.example.dev",
  };
  const { code, stdout } = await run(["doctor"], settings);
  expect([code, stdout]).toEqual([
    1,
    expect.stringMatching(/fault +address +--url or MILLRACE_URL/),
  ]);
  expect(stdout).toMatch(/ok +spool/);
});
