import * as v from "valibot";
import { answerOf, refusalOf, strangeAnswer } from "../delivery/answer.ts";
import { isPassing } from "../delivery/backoff.ts";
import { call } from "../delivery/connection.ts";
import { streamOf } from "../delivery/prepare.ts";
import { EXIT } from "../exit-codes.ts";
import { Failure, reasonOf } from "../failure.ts";
import { Output } from "../output.ts";
import { connectionOf, parseOptions, remote } from "../settings.ts";

const Options = v.object({ ...remote, stream: v.optional(v.string(), "batch-metrics") });

/** `millrace status BATCH`: written is 0, dead or unknown is 1, still on its way is 3. */
export async function status(batch_id: string, given: unknown): Promise<number> {
  const options = parseOptions(Options, given);
  const connection = connectionOf(options);
  const { path } = streamOf(options.stream);
  const where = `${path}/${encodeURIComponent(batch_id)}`;
  const { response, text } = await call(connection, where).catch((error: unknown) => {
    throw new Failure(`${connection.url} does not answer: ${reasonOf(error)}`, EXIT.failed);
  });
  const answer = answerOf(text);
  const told = answer.status ?? answer.title ?? answer.detail;
  if (told === undefined && !isPassing(response.status))
    throw new Failure(strangeAnswer(response), EXIT.failed);
  if (!response.ok) throw new Failure(refusalOf(response, answer), EXIT.failed);

  const reason = answer.reason ?? answer.last_error;
  const run = answer.batch_run_id ? ` as run ${answer.batch_run_id}` : "";
  const line = `${batch_id} is ${answer.status}${run}${reason ? `: ${reason}` : ""}`;
  new Output(options.json).result(JSON.parse(text), [line]);
  if (answer.status === "written") return EXIT.done;
  return answer.status === "pending" ? EXIT.pending : EXIT.failed;
}
