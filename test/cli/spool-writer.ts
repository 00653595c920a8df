/**
 * Started by the kill test: puts uploads into the spool for ever, and prints the name of each
 * once the spool has it, so that the test knows what must survive.
 */
import { writeSync } from "node:fs";
import { prepare } from "../../cli/delivery/prepare.ts";
import { Spool } from "../../cli/spool/spool.ts";
import { uploadNamed } from "./upload-named.ts";

const [path = "", prefix = ""] = process.argv.slice(2);
const spool = new Spool(path);
for (let index = 0; ; index++) {
  const { text: _, ...upload } = uploadNamed(`${prefix}-${index}`);
  for (const entry of await prepare({ stream: "batch-metrics", upload, source: "-" })) {
    spool.add(entry);
    // Synchronous, and only after the commit: what is printed was promised.
    writeSync(1, `${entry.batch_id}\n`);
  }
}
