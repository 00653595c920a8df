import { globSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { differences, openLocalD1 } from "../../scripts/local-d1.ts";
import type { Clients, Post } from "./clients.ts";
import { uploadOf } from "./uploads.ts";

/** The ledger's rows of all shards, read from the objects' own files. */
export function ledgerRows(state: string): { key: string; state: string }[] {
  return globSync(`${state}/v3/do/*BatchLedger/*.sqlite`).flatMap((path) => {
    const database = new DatabaseSync(path, { readOnly: true });
    try {
      const table = database.prepare("SELECT 1 FROM sqlite_master WHERE name = 'batches'").get();
      const rows = table ? database.prepare("SELECT key, state FROM batches").all() : [];
      return rows.map((row) => ({ key: String(row["key"]), state: String(row["state"]) }));
    } finally {
      database.close();
    }
  });
}

/** What is not as it was promised, with the history of each batch concerned. */
export function violations(state: string, clients: Clients): string[] {
  const databases = openLocalD1(state);
  const found: string[] = [];
  const stored = new Map(
    databases
      .flatMap((database) => database.prepare("SELECT batch_id, ecosystem FROM batch_runs").all())
      .map((row) => [String(row["batch_id"]), String(row["ecosystem"])]),
  );
  for (const [number, posts] of clients.posts) {
    const batch_id = `torture-${number}`;
    const promised = new Set(
      posts.filter(({ status }) => status === 201 || status === 202).map(({ variant }) => variant),
    );
    const ecosystem = stored.get(batch_id);
    const faults: string[] = [];
    if (promised.size > 1) faults.push("two contents were promised");
    if (promised.size > 0 && ecosystem === undefined) faults.push("promised and lost");
    for (const variant of promised) {
      if (ecosystem !== undefined && ecosystem !== `variant-${variant}`) faults.push("overwritten");
    }
    if (ecosystem !== undefined) {
      const variant = Number(ecosystem.replace("variant-", ""));
      if (!posts.some((post) => post.variant === variant)) faults.push("never posted");
      faults.push(...differences(databases, [uploadOf(number, variant)]));
    }
    const odd = posts.filter(({ status }) => ![0, 201, 202, 409, 503].includes(status));
    if (odd.length > 0) faults.push(`answered ${odd[0]?.status}`);
    if (faults.length > 0) found.push(`${batch_id}: ${faults.join("; ")}\n${historyOf(posts)}`);
  }
  const unknown = [...stored.keys()].filter(
    (id) => !clients.posts.has(Number(id.replace("torture-", ""))),
  );
  found.push(...unknown.map((id) => `${id}: in D1, and nobody posted it`));
  return [...found, ...totals(state, stored.size)];
}

function totals(state: string, runs: number): string[] {
  const rows = ledgerRows(state);
  const count = (wanted: string) => rows.filter((row) => row.state === wanted).length;
  const [written, pending, dead] = [count("written"), count("pending"), count("dead")];
  if (written === runs && pending === 0 && dead === 0) return [];
  return [
    `totals: the ledger has ${written} written, ${pending} pending, ${dead} dead; D1 has ${runs} runs`,
  ];
}

function historyOf(posts: readonly Post[]): string {
  return posts
    .map(({ variant, status, text }) => `    variant ${variant}: ${status} ${text}`)
    .join("\n");
}
