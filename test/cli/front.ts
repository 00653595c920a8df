import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";
import { gunzipSync } from "node:zlib";

/** Where nothing listens. */
export const AWAY = "http://127.0.0.1:65321";

/** An answer of the service to an upload that is in the database. */
export const WRITTEN = JSON.stringify({ status: "written" });

/** An address of our own before the service's, so that the service may move, die, or be busy. */
export interface Front {
  url: string;
  close(): void;
}

/**
 * Passes connections on to whatever address is the service's now; without one it hangs up.
 * `count` tells how often the clients have sent a text so far.
 */
export async function openRelay(
  target: () => string | undefined,
): Promise<Front & { count(text: string): number }> {
  let sent = "";
  const relay = createTcpServer((client) => {
    const address = target();
    if (!address) {
      client.destroy();
      return;
    }
    const service = connect(Number(new URL(address).port), "127.0.0.1");
    const end = () => {
      client.destroy();
      service.destroy();
    };
    client.on("error", end).on("close", end);
    service.on("error", end).on("close", end);
    client.on("data", (chunk) => (sent += chunk.toString("latin1")));
    client.pipe(service).pipe(client);
  });
  return { ...(await listen(relay)), count: (text) => sent.split(text).length - 1 };
}

/** Takes requests and never answers them; tells of each. */
export async function openSilentFront(onRequest: () => void): Promise<Front> {
  const silent = createServer(onRequest);
  const front = await listen(silent);
  return {
    url: front.url,
    close() {
      silent.closeAllConnections();
      front.close();
    },
  };
}

/** Answers the first posts with 429 (or another status) and `Retry-After`, then passes them on; notes when each came. */
export async function openBusyFront(
  service: string,
  refusals: number,
  retryAfter: string,
  status = 429,
): Promise<Front & { posts: number[] }> {
  const posts: number[] = [];
  const answerTo = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    posts.push(Date.now());
    if (posts.length <= refusals) {
      response.writeHead(status, { "Retry-After": retryAfter }).end();
      return;
    }
    const answer = await fetch(`${service}${request.url ?? ""}`, {
      method: "POST",
      headers: Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
        ["authorization", "content-type", "content-encoding", "prefer"].includes(name)
          ? [[name, String(value)]]
          : [],
      ),
      body: Buffer.concat(chunks),
    });
    response.writeHead(answer.status).end(await answer.text());
  };
  const front = createServer((request, response) => void answerTo(request, response));
  return { ...(await listen(front)), posts };
}

/** Answers every post in the same way, but for one batch it refuses with 409; notes their batch_ids. */
export async function openAnsweringFront(
  status: number,
  answer: string,
  headers: Record<string, string> = {},
  refused?: string,
  onPost: () => void = () => {},
): Promise<Front & { posted: string[] }> {
  const posted: string[] = [];
  const answerTo = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const { batch_id } = JSON.parse(gunzipSync(Buffer.concat(chunks)).toString());
    posted.push(batch_id);
    onPost();
    if (batch_id === refused) response.writeHead(409).end('{"title":"no"}');
    else response.writeHead(status, headers).end(answer);
  };
  const front = createServer((request, response) => void answerTo(request, response));
  return { ...(await listen(front)), posted };
}

function listen(server: Server | ReturnType<typeof createTcpServer>): Promise<Front> {
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address ? address.port : 0;
      resolve({ url: `http://127.0.0.1:${port}`, close: () => server.close() });
    });
  });
}
