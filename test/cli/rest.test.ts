import { test } from "vitest";
import { rest } from "../../cli/rest.ts";

test("a time that is over already is not waited for, and no timer warns of it", async ({
  expect,
}) => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error) => void warnings.push(warning);
  process.on("warning", onWarning);
  await rest(-5, new AbortController().signal);
  await new Promise((resolve) => setTimeout(resolve, 5));
  process.off("warning", onWarning);
  expect(warnings).toEqual([]);
});
