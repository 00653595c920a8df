/**
 * Started by the kill test: puts uploads into the spool for ever, and prints the name of each
 * once the spool has it, so that the test knows what must survive.
 */
import { writeSync } from "node:fs";
import { Spool } from "../../cli/spool/spool.ts";
import { entryNamed } from "./uploads.ts";

const [path = "", prefix = ""] = process.argv.slice(2);
const spool = new Spool(path);
for (let index = 0; ; index++) {
  const entry = await entryNamed(`${prefix}-${index}`);
  spool.add(entry);
  // Synchronous, and only after the commit: what is printed was promised.
  writeSync(1, `${entry.batch_id}\n`);
}
