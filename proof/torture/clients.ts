import { gzipSync } from "node:zlib";
import { uploadOf } from "./uploads.ts";

/** Posts of one number, in the order of their answers: what the checks go by. */
export interface Post {
  variant: number;
  /** The status, or 0 where no answer came. */
  status: number;
  text: string;
}

/** What all clients have posted and been told. */
export class Clients {
  readonly posts = new Map<number, Post[]>();
  answered = 0;
  unanswered = 0;
  #next = 0;
  #running = false;
  #loops: Promise<void>[] = [];

  /** Starts that many clients against the service. */
  start(url: string, count: number): void {
    this.#running = true;
    this.#loops = Array.from({ length: count }, () => this.#loop(url));
  }

  /** Lets each client finish what it has under way. */
  async stop(): Promise<void> {
    this.#running = false;
    await Promise.all(this.#loops);
  }

  async #loop(url: string): Promise<void> {
    while (this.#running) {
      // Often the same again: of late, so that copies meet each other and the kill.
      const again = this.#next > 0 && Math.random() < 0.5;
      const number = again
        ? Math.max(0, this.#next - 1 - Math.floor(Math.random() * 60))
        : this.#next++;
      const variant = Math.random() < 0.1 ? 1 : 0;
      const post = await send(url, number, variant);
      this.posts.set(number, [...(this.posts.get(number) ?? []), post]);
      if (post.status === 0) this.unanswered += 1;
      else this.answered += 1;
    }
  }
}

async function send(url: string, number: number, variant: number): Promise<Post> {
  const { text } = uploadOf(number, variant);
  const zipped = Math.random() < 0.5;
  try {
    const response = await fetch(`${url}/batch-metrics`, {
      method: "POST",
      headers: {
        Authorization: "Bearer dev-upload-token",
        "Content-Type": "application/json",
        Prefer: Math.random() < 0.5 ? "respond-async" : "wait=5",
        ...(zipped && { "Content-Encoding": "gzip" }),
      },
      body: zipped ? new Uint8Array(gzipSync(text)) : text,
      signal: AbortSignal.timeout(30_000),
    });
    return { variant, status: response.status, text: (await response.text()).slice(0, 200) };
  } catch (error) {
    return { variant, status: 0, text: error instanceof Error ? error.message : "" };
  }
}
