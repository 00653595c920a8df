import * as v from "valibot";
import { answerOf, refusalOf } from "../delivery/answer.ts";
import { isPassing } from "../delivery/backoff.ts";
import { call, type Connection, type Reply, VERSION } from "../delivery/connection.ts";
import { EXIT } from "../exit-codes.ts";
import { reasonOf } from "../failure.ts";
import { ATTEMPT_TIMEOUT_MS, CLOCK_TOLERANCE_MS } from "../limits.ts";
import { Output, table } from "../output.ts";
import { findService, parseOptions, remote, spoolPathOf } from "../settings.ts";
import { uploadsIn } from "../spool/entry.ts";
import { Spool } from "../spool/spool.ts";

const Options = v.object(remote);
const Health = v.pipe(
  v.string(),
  v.parseJson(),
  v.object({ status: v.literal("ok"), version: v.string(), time: v.string() }),
);

/** What was looked at, and how it is. `fault` makes the command fail, `note` does not. */
interface Finding {
  check: string;
  state: "ok" | "note" | "fault";
  detail: string;
}

/** `millrace doctor`: address, version, clock, token and its scopes, spool. Stores nothing in the service. */
export async function doctor(given: unknown): Promise<number> {
  const options = parseOptions(Options, given);
  const { connection, reason } = findService(options);
  const findings = connection
    ? [...(await checkService(connection)), ...(await checkToken(connection))]
    : [fault("address", reason)];
  findings.push(checkSpool(options, connection?.url ?? ""), ok("node", process.versions.node));

  const lines = table(findings.map(({ check, state, detail }) => [state, check, detail]));
  new Output(options.json).result(findings, lines);
  return findings.some(({ state }) => state === "fault") ? EXIT.failed : EXIT.done;
}

async function checkService(connection: Connection): Promise<Finding[]> {
  const began = Date.now();
  try {
    const { response, text } = await ask(connection, "/healthz");
    const health = v.safeParse(Health, text);
    if (!health.success) {
      const stranger = isPassing(response.status) ? "" : ", but is no Millrace";
      return [fault("address", `${connection.url} answers ${response.status}${stranger}`)];
    }
    const took = Date.now() - began;
    const { version, time } = health.output;
    return [
      ok("address", `${connection.url} answers in ${took} ms`),
      version === VERSION
        ? ok("version", `${VERSION}, as the service`)
        : note("version", `this is ${VERSION}, the service is ${version}`),
      // The service read its clock about half way between question and answer.
      checkClock(Math.round(Date.parse(time) - (began + took / 2))),
    ];
  } catch (error) {
    return [fault("address", `${connection.url} does not answer: ${reasonOf(error)}`)];
  }
}

function checkClock(ahead_ms: number): Finding {
  const detail = `the service's is ${ahead_ms} ms from this one`;
  return Math.abs(ahead_ms) > CLOCK_TOLERANCE_MS ? fault("clock", detail) : ok("clock", detail);
}

/** Finds out a token's scopes by what it is let do. The totals gain a refused upload; nothing else changes. */
async function checkToken(connection: Connection): Promise<Finding[]> {
  if (!connection.token) return [fault("token", "none is configured: set MILLRACE_TOKEN")];
  try {
    const replies = await Promise.all([
      // Only this one opens to `read` alone.
      ask(connection, "/ledger"),
      // An empty batch is refused as invalid, if the token may post at all.
      ask(connection, "/batch-metrics", "{}"),
      ask(connection, "/dead-letters?limit=1"),
    ]);
    // A busy or failing service says nothing about the token.
    const untold = replies.find(({ response }) => isPassing(response.status));
    if (untold) throw new Error(refusalOf(untold.response, answerOf(untold.text)));
    const [reading, posting, operating] = replies.map(({ response }) => response);
    if (reading?.status === 401) return [fault("token", "the service does not know it")];
    const scopes = [
      ...(posting?.status === 400 ? ["ingest"] : []),
      ...(reading?.ok ? ["read"] : []),
      ...(operating?.ok ? ["admin"] : []),
    ];
    const detail = `it may ${scopes.join(", ") || "do nothing"}`;
    const uploads = scopes.includes("ingest");
    return [uploads ? ok("token", detail) : note("token", `${detail}, but not upload`)];
  } catch (error) {
    return [fault("token", `could not be tried: ${reasonOf(error)}`)];
  }
}

function checkSpool(options: v.InferOutput<typeof Options>, address: string): Finding {
  let path = "";
  try {
    path = spoolPathOf(options);
    const spool = new Spool(path, { address });
    spool.check();
    const { waiting, refused, elsewhere } = spool.tally();
    spool.close();
    const others = uploadsIn(elsewhere);
    const also = others > 0 ? `, ${others} for other addresses (millrace spool list)` : "";
    const detail = `${path}: ${waiting} waiting, ${refused} refused${also}`;
    return waiting + refused + others > 0 ? note("spool", detail) : ok("spool", detail);
  } catch (error) {
    return fault("spool", `${path} cannot be used: ${reasonOf(error)}`.trim());
  }
}

function ask(connection: Connection, path: string, body?: string): Promise<Reply> {
  return call(connection, path, {
    timeout_ms: ATTEMPT_TIMEOUT_MS / 4,
    ...(body !== undefined && {
      method: "POST",
      body,
      headers: { "Content-Type": "application/json" },
    }),
  });
}

function ok(check: string, detail: string): Finding {
  return { check, state: "ok", detail };
}

function note(check: string, detail: string): Finding {
  return { check, state: "note", detail };
}

function fault(check: string, detail: string): Finding {
  return { check, state: "fault", detail };
}
