import { test } from "vitest";
import { jsonArraysOf } from "../src/chunks.ts";

test.for([
  ["nothing", [], 100, []],
  ["what fits in any case", ['"a"', '"b"'], 24, ['["a","b"]']],
  ["what fits when it is measured", ['"a"', '"b"'], 9, ['["a","b"]']],
  ["one byte too many", ['"a"', '"b"'], 8, ['["a"]', '["b"]']],
  ["characters of three bytes that fit", ['"漢"', '"字"'], 13, ['["漢","字"]']],
  ["characters that would fit, whose bytes do not", ['"漢"', '"字"'], 12, ['["漢"]', '["字"]']],
] as const)("JSON arrays of %s", ([, elements, maxBytes, arrays], { expect }) => {
  expect(jsonArraysOf(elements, maxBytes)).toEqual(arrays);
});
