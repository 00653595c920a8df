import { prepare } from "../../cli/delivery/prepare.ts";
import type { NewEntry } from "../../cli/spool/entry.ts";

/** A JUnit report of one test. */
export const ONE_CASE = '<testsuite><testcase name="t"/></testsuite>';

/** An upload as a person would write it, with its text. */
export function uploadNamed(batch_id: string) {
  const upload = {
    batch_id,
    ecosystem: "npm",
    started_at: "2026-11-20T12:00:00Z",
    total_recipes: 2,
    results: [
      { recipe_name: "left-pad", ecosystem: "npm", result: "passed" },
      { recipe_name: `é🙂 ${batch_id}`, ecosystem: "npm", result: "failed", error_message: "no" },
    ],
  };
  return { ...upload, text: JSON.stringify(upload) };
}

/** The same as it is put into a spool. */
export async function entryNamed(batch_id: string): Promise<NewEntry> {
  const { text: _, ...upload } = uploadNamed(batch_id);
  const [entry] = await prepare({ stream: "batch-metrics", upload, source: "-" });
  if (!entry) throw new Error("nothing was prepared");
  return entry;
}
