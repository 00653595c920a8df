import { gunzipSync } from "node:zlib";
import * as v from "valibot";
import { EXIT } from "../exit-codes.ts";
import { Failure } from "../failure.ts";
import { counted, Output, table } from "../output.ts";
import { common, parseOptions, spoolPathOf } from "../settings.ts";
import { Spool } from "../spool/spool.ts";

const Options = v.object(common);
const DropOptions = v.object({ ...common, all: v.optional(v.boolean(), false) });

/** `millrace spool list`: what waits, and what was refused and why. */
export async function spoolList(given: unknown): Promise<number> {
  const { output, spool } = open(parseOptions(Options, given));
  const entries = spool.list();
  const rows = entries.map((entry) => [
    String(entry.id),
    entry.claimed ? "being sent" : entry.state,
    entry.stream,
    entry.batch_id,
    String(entry.rows),
    entry.created_at,
    entry.address || "any",
    entry.last_error ?? "",
  ]);
  const heading = ["id", "state", "stream", "batch_id", "rows", "since", "address", "last error"];
  output.result(entries, rows.length > 0 ? table([heading, ...rows]) : ["The spool is empty."]);
  spool.close();
  return EXIT.done;
}

/** `millrace spool show ID`: the upload as it would be sent. */
export async function spoolShow(id: string, given: unknown): Promise<number> {
  const { output, spool } = open(parseOptions(Options, given));
  const entry = spool.find(Number(id));
  const body = spool.body(Number(id));
  spool.close();
  if (!entry || !body) throw new Failure(`The spool has no upload ${id}.`, EXIT.failed);
  const upload: unknown = JSON.parse(gunzipSync(body).toString());
  output.result({ ...entry, upload }, [JSON.stringify(upload, null, 2)]);
  return EXIT.done;
}

/** `millrace spool drop ID…` or `--all`: deletes uploads that were never delivered. */
export async function spoolDrop(ids: string[], given: unknown): Promise<number> {
  const options = parseOptions(DropOptions, given);
  if (ids.length === 0 && !options.all) {
    throw new Failure("Name the uploads to drop, or give --all.", EXIT.wrongInput);
  }
  const { output, spool } = open(options);
  const wanted = options.all ? spool.list().map(({ id }) => id) : ids.map(Number);
  const dropped = wanted.filter((id) => spool.remove(id));
  const missing = wanted.filter((id) => !dropped.includes(id));
  spool.close();
  for (const id of missing) output.error(`The spool has no upload ${id}.`);
  output.result({ dropped, missing }, [`${counted(dropped.length, "upload")} dropped`]);
  return missing.length > 0 ? EXIT.failed : EXIT.done;
}

function open(options: v.InferOutput<typeof Options>) {
  return { output: new Output(options.json), spool: new Spool(spoolPathOf(options)) };
}
