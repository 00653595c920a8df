/**
 * `npm run torture -- --minutes M | --kills K`: the real local service under many clients,
 * killed with SIGKILL, whole, at random moments, and started again; then its D1 and ledger
 * files are held against what the clients were told. Ends with 1 where a promise was broken.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { startServer } from "../../scripts/local-server.ts";
import { ledgerRows, violations } from "./check.ts";
import { Clients } from "./clients.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "0" },
    kills: { type: "string", default: "3" },
    clients: { type: "string", default: "16" },
  },
});
const QUIET_MS = 120_000;

const state = mkdtempSync(join(tmpdir(), "millrace-"));
const clients = new Clients();
const until = performance.now() + Number(values.minutes) * 60_000;
let kills = 0;
while (performance.now() < until || kills < Number(values.kills)) {
  const server = await startServer(state);
  clients.start(server.url, Number(values.clients));
  await pause(500 + Math.random() * 4_000);
  await server.kill();
  kills += 1;
  await clients.stop();
  console.log(`kill ${kills}: ${clients.answered} posts answered, ${clients.unanswered} not`);
}

const last = await startServer(state);
const quiet = performance.now() + QUIET_MS;
while (ledgerRows(state).some((row) => row.state === "pending") && performance.now() < quiet)
  await pause(500);
await last.kill();

const found = violations(state, clients);
const accepted = [...clients.posts.values()]
  .flat()
  .filter(({ status }) => status === 201 || status === 202).length;
if (accepted === 0) found.unshift("no post was accepted, so that nothing was shown");
console.log(
  `${clients.posts.size} batches, ${clients.answered} posts answered (${accepted} with a promise), ${clients.unanswered} not, ${kills} kills: ${found.length === 0 ? "every promise kept" : `${found.length} violations`}`,
);
for (const line of found.slice(0, 20)) console.log(line);
if (found.length === 0) rmSync(state, { recursive: true });
else console.log(`its files are in ${state}`);
process.exitCode = found.length > 0 ? 1 : 0;

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
