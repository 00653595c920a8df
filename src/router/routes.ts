import type { Stream } from "../streams/stream.ts";
import { batchStatus } from "./batch-status.ts";
import { readBooks } from "./books.ts";
import {
  dropDeadLetter,
  listDeadLetters,
  readDeadLetter,
  replayDeadLetter,
  replayDeadLetters,
} from "./dead-letters.ts";
import { health } from "./health.ts";
import { ingest } from "./ingest.ts";
import { describeApi } from "./openapi.ts";
import { json, type Route } from "./route.ts";

/** Every route of the service with these streams: what a stream adds comes from its definition. */
export function routesOf(streams: readonly Stream[]): Route[] {
  return [...streams.flatMap(streamRoutes), ...operatorRoutes, ...publicRoutes];
}

const operatorRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/ledger",
    scopes: ["read"],
    summary: "What became of every batch, by stream",
    handle: readBooks,
  },
  {
    method: "GET",
    path: "/dead-letters",
    scopes: ["admin"],
    summary: "Dead batches of all shards, newest first",
    handle: listDeadLetters,
  },
  {
    method: "POST",
    path: "/dead-letters/replay",
    scopes: ["admin"],
    summary: "Replay all dead batches, or those of a filter",
    handle: replayDeadLetters,
  },
  {
    method: "GET",
    path: "/dead-letters/:stream/:batch_id",
    scopes: ["admin"],
    summary: "A dead batch with its body",
    handle: readDeadLetter,
  },
  {
    method: "DELETE",
    path: "/dead-letters/:stream/:batch_id",
    scopes: ["admin"],
    summary: "Drop a dead batch for good",
    handle: dropDeadLetter,
  },
  {
    method: "POST",
    path: "/dead-letters/:stream/:batch_id/replay",
    scopes: ["admin"],
    summary: "Replay a dead batch under its own batch_id",
    handle: replayDeadLetter,
  },
];

const publicRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/healthz",
    scopes: [],
    summary: "Whether the service is up, and its version",
    handle: health,
  },
  {
    method: "GET",
    path: "/openapi.json",
    scopes: [],
    summary: "This description",
    handle: (_request, { streams }) => describeApi(streams, routesOf(streams)),
  },
  {
    method: "GET",
    path: "/",
    scopes: [],
    summary: "Where to go from here",
    handle: () => json({ service: "millrace", api: "/openapi.json", health: "/healthz" }),
  },
];

/** The two routes of a stream. */
function streamRoutes(stream: Stream): Route[] {
  return [
    {
      method: "POST",
      path: stream.path,
      scopes: ["ingest"],
      summary: `Upload: ${stream.description}`,
      handle: (request, context) => ingest(stream, request, context),
    },
    {
      method: "GET",
      path: `${stream.path}/:batch_id`,
      // Who may upload a batch may ask what became of it: the same answer as posting it again.
      scopes: ["read", "ingest"],
      summary: "How a batch stands",
      handle: (request, context) => batchStatus(stream, request, context),
    },
  ];
}
