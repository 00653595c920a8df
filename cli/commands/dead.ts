import * as v from "valibot";
import { DeadLetters, type Letter } from "../dead/letters.ts";
import { filterOf, notDead, searchedStreams, selecting } from "../dead/selection.ts";
import { EXIT } from "../exit-codes.ts";
import { Failure } from "../failure.ts";
import { onInterrupt } from "../interrupt.ts";
import { counted, Output, table } from "../output.ts";
import { connectionOf, parseOptions, remote, Whole } from "../settings.ts";

const ListOptions = v.object({ ...selecting, limit: v.optional(Whole, "50") });
const ShowOptions = v.object({ ...remote, stream: v.optional(v.string()) });

/** `millrace dead list`: the newest dead batches, and how many there are. */
export async function deadList(given: unknown): Promise<number> {
  const options = parseOptions(ListOptions, given);
  const letters = new DeadLetters(connectionOf(options), onInterrupt().signal);
  const filter = filterOf(options);
  const { total } = await letters.page(filter, 1);
  const listed: Letter[] = [];
  for await (const letter of letters.all(filter)) {
    if (listed.length >= options.limit) break;
    listed.push(letter);
  }
  const heading = ["died at", "stream", "batch_id", "rows", "attempts", "replays", "reason"];
  const rows = listed.map((letter) => [
    letter.died_at,
    letter.stream,
    letter.batch_id,
    String(letter.rows),
    String(letter.attempts),
    String(letter.replays),
    letter.reason ?? "",
  ]);
  const lines = listed.length > 0 ? table([heading, ...rows]) : [];
  const count = counted(total, "dead batch", "dead batches");
  const more = total > listed.length ? [`${count}; ${listed.length} shown`] : [count];
  new Output(options.json).result({ dead_letters: listed, total }, [...lines, ...more]);
  return EXIT.done;
}

/** `millrace dead show BATCH`: why it died, and the batch as it could be posted. */
export async function deadShow(batch_id: string, given: unknown): Promise<number> {
  const options = parseOptions(ShowOptions, given);
  const letters = new DeadLetters(connectionOf(options), onInterrupt().signal);
  const streams = searchedStreams(options);
  const letter = await letters.find(batch_id, streams);
  if (!letter) throw new Failure(notDead(batch_id, streams), EXIT.failed);
  new Output(options.json).result(letter, [JSON.stringify(letter, null, 2)]);
  return EXIT.done;
}
