import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { connect, createServer as createTcpServer } from "node:net";
import { gunzipSync } from "node:zlib";

/** Where nothing listens. */
export const AWAY = "http://127.0.0.1:65321";

/** An answer of the service to an upload that is in the database. */
export const WRITTEN = JSON.stringify({ status: "written" });

/** Of one that is to be written. */
export const PENDING = JSON.stringify({ status: "pending" });

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

/** Answers the first posts with 429 (or another status) and `Retry-After`, then passes all on; notes when each post came. */
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
    const { method = "" } = request;
    const posted = method === "POST";
    if (posted) posts.push(Date.now());
    if (posted && posts.length <= refusals) {
      response.writeHead(status, { "Retry-After": retryAfter }).end();
      return;
    }
    const answer = await fetch(`${service}${request.url ?? ""}`, {
      method,
      headers: Object.entries(request.headers).flatMap(([name, value]): [string, string][] =>
        ["authorization", "content-type", "content-encoding", "prefer"].includes(name)
          ? [[name, String(value)]]
          : [],
      ),
      ...(posted && { body: Buffer.concat(chunks) }),
    });
    response.writeHead(answer.status).end(await answer.text());
  };
  const front = createServer((request, response) => void answerTo(request, response));
  return { ...(await listen(front)), posts };
}

/** A request for a batch: an upload, or how it stands. */
interface Asked {
  method: string;
  path: string;
  batch_id: string;
  /** Milliseconds since 1970. */
  at: number;
}

interface Answered {
  status: number;
  text: string;
  headers?: Record<string, string>;
  /** Hangs up in the middle of the text. */
  breaks?: boolean;
}

/** Answers as it is told, and notes what was asked. */
export async function openFront(
  answer: (asked: Asked) => Answered,
): Promise<Front & { asked: Asked[] }> {
  const asked: Asked[] = [];
  const answerTo = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(Buffer.from(chunk));
    const { method = "", url = "" } = request;
    const zipped = request.headers["content-encoding"] === "gzip";
    const batch_id: string = zipped
      ? JSON.parse(gunzipSync(Buffer.concat(chunks)).toString()).batch_id
      : decodeURIComponent(url.split("/").at(-1) ?? "");
    const one = { method, path: url, batch_id, at: Date.now() };
    asked.push(one);
    const { status, text, headers, breaks } = answer(one);
    if (breaks) {
      response.writeHead(status, { "Content-Length": text.length }).write(text.slice(0, -1));
      setTimeout(() => response.destroy(), 50);
    } else response.writeHead(status, headers).end(text);
  };
  const front = createServer((request, response) => void answerTo(request, response));
  return { ...(await listen(front)), asked };
}

/** Answers every post in the same way, but for one batch it refuses with 409; notes their batch_ids. */
export async function openAnsweringFront(
  status: number,
  text: string,
  headers: Record<string, string> = {},
  refused?: string,
  onPost: () => void = () => {},
): Promise<Front & { posted: string[] }> {
  const posted: string[] = [];
  const front = await openFront(({ batch_id }) => {
    posted.push(batch_id);
    onPost();
    return batch_id === refused
      ? { status: 409, text: '{"title":"no"}' }
      : { status, text, headers };
  });
  return { ...front, posted };
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
