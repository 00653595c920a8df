/** The load generator, in a process of its own: `load.ts` starts it, and gets its result. */
import { Agent, request as postTo } from "node:http";
import autocannon from "autocannon";
import type { LoadOptions, LoadResult } from "./load.ts";
import { percentile } from "./statistics.ts";
import { uploadOf } from "./workload.ts";

process.once("message", (options: LoadOptions) => {
  void generate(options).then((result) => process.send?.(result, () => process.exit(0)));
});

/** What the answers were. */
interface Tally {
  latencies: number[];
  shed: number;
  failed: number;
  /** When the last answer came. */
  last: number;
}

async function generate(options: LoadOptions): Promise<LoadResult> {
  const tally: Tally = { latencies: [], shed: 0, failed: 0, last: 0 };
  const answered = (status: number, milliseconds: number) => {
    tally.last = performance.now();
    if (status === options.status) tally.latencies.push(milliseconds);
    else if (status === 503) tally.shed += 1;
    else tally.failed += 1;
  };
  const started = performance.now();
  await (options.rate !== undefined
    ? arrive(options, options.rate, answered)
    : repeat(options, answered));
  const { latencies, shed, failed } = tally;
  latencies.sort((one, other) => one - other);
  const seconds = (tally.last - started) / 1000;
  return {
    succeeded: latencies.length,
    shed,
    failed,
    seconds,
    perSecond: latencies.length / seconds,
    p50_ms: percentile(latencies, 0.5),
    p99_ms: percentile(latencies, 0.99),
  };
}

type Answered = (status: number, milliseconds: number) => void;

/** Each caller posts its next upload when the one before it is answered. */
async function repeat(options: LoadOptions, answered: Answered): Promise<void> {
  const nextBody = bodies(options);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const instance = autocannon(
    {
      url: options.url,
      connections: options.connections,
      duration: options.seconds,
      timeout: 30,
      requests: [
        {
          method: "POST",
          path: PATH,
          headers: headersOf(options),
          setupRequest: (request) => ({ ...request, body: nextBody() }),
        },
      ],
    },
    (error) => (error ? reject(error) : resolve()),
  );
  instance.on("response", (_client, status, _bytes, milliseconds) => {
    answered(status, milliseconds);
  });
  instance.on("reqError", () => answered(0, 0));
  return promise;
}

/** Uploads arrive at random moments, so many a second on average, whether earlier ones are answered or not. */
async function arrive(options: LoadOptions, rate: number, answered: Answered): Promise<void> {
  const nextBody = bodies(options);
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections });
  const answers: Promise<void>[] = [];
  const end = performance.now() + options.seconds * 1000;
  let due = performance.now();
  while (due < end) {
    if (due > performance.now()) await new Promise((resolve) => setTimeout(resolve, 1));
    while (due <= performance.now() && due < end) {
      answers.push(postOnce(options, agent, nextBody(), due, answered));
      due += (-Math.log(1 - Math.random()) * 1000) / rate;
    }
  }
  await Promise.all(answers);
  agent.destroy();
}

/** Its latency counts from when it was due, however late this process is with it. */
function postOnce(
  options: LoadOptions,
  agent: Agent,
  body: string,
  due: number,
  answered: Answered,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (status: number) => {
    answered(status, performance.now() - due);
    resolve();
  };
  const headers = { ...headersOf(options), "Content-Length": Buffer.byteLength(body) };
  const outgoing = postTo(`${options.url}${PATH}`, { method: "POST", agent, headers });
  outgoing.once("response", (response) => {
    response.resume();
    response.once("end", () => done(response.statusCode ?? 0));
  });
  outgoing.once("error", () => done(0));
  outgoing.end(body);
  return promise;
}

const PATH = "/batch-metrics";

function headersOf({ token, status }: LoadOptions): Record<string, string> {
  return {
    "Content-Type": "application/json",
    Authorization: `Bearer ${token}`,
    ...(status === 202 && { Prefer: "respond-async" }),
  };
}

/** Uploads, each under a batch_id that no other has. */
function bodies({ results }: LoadOptions): () => string {
  const upload = uploadOf(results);
  const shot = `${process.pid}-${Date.now()}`;
  let sent = 0;
  return () => upload.text(`${shot}-${++sent}`);
}
