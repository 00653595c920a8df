import type { LoadOptions } from "./load.ts";
import { uploadOf } from "./workload.ts";

/** An upload that is to be posted. */
export interface Post {
  id: string;
  body: string;
}

/** Is told of each answer; a request that failed without one has the status 0. */
export type Answered = (status: number, id: string, milliseconds: number) => void;

/** Where uploads are posted. */
export const PATH = "/batch-metrics";

/** The headers of all of them. */
export function headersOf({ token, status }: LoadOptions): Record<string, string> {
  return {
    "Content-Type": "application/json",
    Authorization: `Bearer ${token}`,
    ...(status === 202 && { Prefer: "respond-async" }),
  };
}

/** Gives out uploads, each under a batch_id that no other has. */
export function postsOf({ results }: LoadOptions): () => Post {
  const upload = uploadOf(results);
  const prefix = `${process.pid}-${Date.now()}`;
  let sent = 0;
  return () => {
    const id = `${prefix}-${++sent}`;
    return { id, body: upload.text(id) };
  };
}
