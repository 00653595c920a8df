import { Agent, request as postTo } from "node:http";
import type { LoadOptions } from "./load.ts";
import { type Answered, headersOf, PATH, type Post, postsOf } from "./posts.ts";

/** Each caller posts its next upload when the one before it is answered. All of them are answered. */
export async function repeatWithHttp(options: LoadOptions, answered: Answered): Promise<void> {
  const next = postsOf(options);
  const agent = agentOf(options);
  const end = performance.now() + options.seconds * 1000;
  const call = async () => {
    while (performance.now() < end) {
      await postOnce(options, agent, next(), performance.now(), answered);
    }
  };
  await Promise.all(Array.from({ length: options.connections }, call));
  agent.destroy();
}

/** Uploads arrive at random moments, so many per second on average, whether earlier ones are answered or not. */
export async function arrive(
  options: LoadOptions,
  rate: number,
  answered: Answered,
): Promise<void> {
  const next = postsOf(options);
  const agent = agentOf(options);
  const answers: Promise<void>[] = [];
  const end = performance.now() + options.seconds * 1000;
  let due = performance.now();
  while (due < end) {
    if (due > performance.now()) await new Promise((resolve) => setTimeout(resolve, 1));
    while (due <= performance.now() && due < end) {
      answers.push(postOnce(options, agent, next(), due, answered));
      due += (-Math.log(1 - Math.random()) * 1000) / rate;
    }
  }
  await Promise.all(answers);
  agent.destroy();
}

function agentOf({ connections }: LoadOptions): Agent {
  return new Agent({ keepAlive: true, maxSockets: connections });
}

/** Its latency counts from when it was due, however late this process is with it. */
function postOnce(
  options: LoadOptions,
  agent: Agent,
  { id, body }: Post,
  due: number,
  answered: Answered,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const done = (status: number) => {
    answered(status, id, performance.now() - due);
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
