import * as v from "valibot";
import { confirmed } from "../dead/confirm.ts";
import { DeadLetters, type Filter } from "../dead/letters.ts";
import { acting, filterOf, notDead, requireSelection, searchedStreams } from "../dead/selection.ts";
import { EXIT } from "../exit-codes.ts";
import { reasonOf } from "../failure.ts";
import { onInterrupt } from "../interrupt.ts";
import { counted, Output } from "../output.ts";
import { rest } from "../rest.ts";
import { connectionOf, parseOptions, Positive } from "../settings.ts";

const Options = v.object({ ...acting, rate: v.optional(Positive, "20") });
type Options = v.InferOutput<typeof Options>;

type Act = "replay" | "drop";

/** One dead batch that was chosen. */
interface Chosen {
  stream: string;
  batch_id: string;
}

/** What was done, as `--json` prints it. */
interface Report {
  action: Act;
  planned: number;
  done: number;
  gone: number;
  missing: string[];
  /** Why it ended before all was done. */
  error?: string;
}

/** `millrace dead replay`: brings dead batches back, under their own names. */
export function deadReplay(ids: string[], given: unknown): Promise<number> {
  return act("replay", ids, given);
}

/** `millrace dead drop`: deletes dead batches, with what was in them. */
export function deadDrop(ids: string[], given: unknown): Promise<number> {
  return act("drop", ids, given);
}

/**
 * First the plan, with its count, then one batch after the other. Each is done whole or not
 * at all, so it may be stopped between any two, and run again for the rest.
 */
async function act(verb: Act, ids: string[], given: unknown): Promise<number> {
  const options = parseOptions(Options, given);
  requireSelection(ids, options);
  const output = new Output(options.json);
  const interrupt = onInterrupt();
  const letters = new DeadLetters(connectionOf(options), interrupt.signal);

  const chosen = await choose(letters, ids, options);
  const missing = ids.filter((id) => !chosen.some(({ batch_id }) => batch_id === id));
  for (const id of missing) output.error(notDead(id, searchedStreams(options)));
  const plan = `${verb} ${counted(chosen.length, "dead letter")}`;
  output.note(`Plan: ${plan}${streamsOf(chosen)}.`);

  const report: Report = { action: verb, planned: chosen.length, done: 0, gone: 0, missing };
  if (chosen.length > 0 && !options.yes && !(await confirmed("Go on?", interrupt.signal))) {
    output.result(report, [`Nothing was done. To ${plan}, give --yes.`]);
    return interrupt.exitCode() ?? EXIT.wrongInput;
  }
  const progress = output.progress("dead letters", chosen.length);
  for (const each of chosen) {
    if (!(await actOn(each, letters, report, options.rate, interrupt.signal))) break;
    progress.step();
  }
  progress.stop();
  if (report.error) output.error(report.error);
  const left = chosen.length - report.done - report.gone;
  const gone = report.gone > 0 ? `, ${report.gone} were gone already` : "";
  const past = verb === "replay" ? "replayed" : "dropped";
  const unchanged = left > 0 ? `, ${left} left as they were` : "";
  output.result({ ...report, left }, [`${report.done} ${past}${gone}${unchanged}`]);
  return interrupt.exitCode() ?? (missing.length > 0 || left > 0 ? EXIT.failed : EXIT.done);
}

/** Acts on one and notes how it went. Returns whether to go on with the next. */
async function actOn(
  { stream, batch_id }: Chosen,
  letters: DeadLetters,
  report: Report,
  rate: number,
  signal: AbortSignal,
): Promise<boolean> {
  const began = Date.now();
  try {
    signal.throwIfAborted();
    if (await letters[report.action](stream, batch_id)) report.done += 1;
    else report.gone += 1;
    await rest(1000 / rate - (Date.now() - began), signal);
    return true;
  } catch (error) {
    // What was done before is told all the same. A user who stopped it knows why.
    if (!signal.aborted) report.error = `${stream} ${batch_id}: ${reasonOf(error)}`;
    return false;
  }
}

/** Chosen before anything happens: what dies again while it is replayed is not replayed twice. */
async function choose(letters: DeadLetters, ids: string[], options: Options): Promise<Chosen[]> {
  if (ids.length > 0) return chooseNamed(letters, ids, searchedStreams(options));
  const filter: Filter = filterOf(options);
  const chosen: Chosen[] = [];
  for await (const { stream, batch_id } of letters.all(filter)) chosen.push({ stream, batch_id });
  return chosen;
}

async function chooseNamed(
  letters: DeadLetters,
  ids: string[],
  streams: readonly string[],
): Promise<Chosen[]> {
  const chosen: Chosen[] = [];
  for (const batch_id of new Set(ids)) {
    const letter = await letters.find(batch_id, streams);
    if (letter) chosen.push({ stream: letter.stream, batch_id });
  }
  return chosen;
}

function streamsOf(chosen: readonly Chosen[]): string {
  const counts = new Map<string, number>();
  for (const { stream } of chosen) counts.set(stream, (counts.get(stream) ?? 0) + 1);
  const parts = [...counts].map(([stream, count]) => `${stream}: ${count}`);
  return parts.length > 0 ? ` (${parts.join(", ")})` : "";
}
