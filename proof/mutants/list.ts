/** A deliberate bug: in that file, this text instead of that. */
export interface Mutant {
  bug: string;
  file: string;
  search: string;
  replace: string;
}

/** Bugs that somebody might make. Each must be caught by the simulation or by the tests. */
export const MUTANTS: readonly Mutant[] = [
  {
    bug: "the ledger lets a batch in again",
    file: "src/durable/ledger.ts",
    search: "    // Most batches are new, so inserting is tried before looking.",
    replace:
      "    this.#sql.exec(\"DELETE FROM batches WHERE key = ? AND state = 'written'\", key);",
  },
  {
    bug: "other content passes for a duplicate",
    file: "src/durable/ledger.ts",
    search: "if (known.digest !== digest) {",
    replace: "if (false) {",
  },
  {
    bug: "messages are acknowledged before their batches are settled",
    file: "src/queue/writer.ts",
    search: "  if (reported.length === 0) return;\n",
    replace:
      "  if (reported.length === 0) return;\n  for (const { delivery } of reported) work.acknowledgements.done(delivery);\n",
  },
  {
    bug: "the outcome is never settled",
    file: "src/durable/ledger-shard.ts",
    search: "const settled = this.ledger.settle(reports, this.#ports.clock.now());",
    replace: "const settled: never[] = [];",
  },
  {
    bug: "callers that wait are never let go",
    file: "src/durable/ledger-shard.ts",
    search: "const answered = this.#waiters.letGo(settled);",
    replace: "const answered = settled.length;",
  },
  {
    bug: "rows are inserted for runs of other attempts",
    file: "src/store/insert-group.ts",
    search: " AND run.write_id = ?2",
    replace: " AND ?2 = ?2",
  },
  {
    bug: "D1 lets a batch_id in twice",
    file: "src/store/insert-group.ts",
    search: "ON CONFLICT (batch_id) DO NOTHING RETURNING",
    replace: "ON CONFLICT (batch_id) DO UPDATE SET digest = excluded.digest RETURNING",
  },
  {
    bug: "a conflict in D1 passes for written",
    file: "src/store/insert-group.ts",
    search: "const same = digests.get(batch_id) === digest;",
    replace: "const same = digests.has(batch_id);",
  },
  {
    bug: "the alarm is never set",
    file: "src/durable/ledger-shard.ts",
    search: "await this.#ports.setAlarm(time);",
    replace: "",
  },
  {
    bug: "the alarm is not set again after it rang",
    file: "src/durable/ledger-shard.ts",
    search: "    } finally {\n      await this.#rearm();\n    }",
    replace: "    } finally {\n    }",
  },
  {
    bug: "splitting a group drops its second half",
    file: "src/queue/write-batches.ts",
    search: "batches.slice(0, middle), batches.slice(middle)]",
    replace: "batches.slice(0, middle)]",
  },
  {
    bug: "a group with a culprit dies whole",
    file: "src/queue/write-batches.ts",
    search: 'if (failure === "transient" || search.transactions <= 0) {',
    replace: "if (batches.length >= 1) {",
  },
  {
    bug: "D1 in trouble kills the batch",
    file: "src/queue/write-batches.ts",
    search: 'failure === "permanent" || (failure === "unknown" && isUsedUp(batch));',
    replace: 'failure !== "unknown" || isUsedUp(batch);',
  },
  {
    bug: "further parts of a body are not kept",
    file: "src/durable/ledger.ts",
    search: "      if (inserted) this.#bodies.addParts(key, more);\n",
    replace: "",
  },
  {
    bug: "parts of a written body are left behind",
    file: "src/durable/ledger.ts",
    search: "      this.#bodies.removeParts(written.map(({ key }) => key));\n",
    replace: "",
  },
  {
    bug: "an old ticket buries a replayed batch",
    file: "src/durable/statements.ts",
    search: " AND replays = burial.value ->> 'replays'",
    replace: "",
  },
  {
    bug: "an old ticket buries what was dropped and posted again since",
    file: "src/durable/statements.ts",
    search: "AND accepted_at = burial.value ->> 'accepted_at' ",
    replace: "",
  },
  {
    bug: "dying loses the body",
    file: "src/durable/statements.ts",
    search:
      "UPDATE batches SET state = 'dead', settled_at = ?2, due_at = NULL, attempts = attempts + 1,",
    replace:
      "UPDATE batches SET state = 'dead', settled_at = ?2, due_at = NULL, attempts = attempts + 1, part = NULL,",
  },
  {
    bug: "a replayed batch is not sent",
    file: "src/durable/ledger-shard.ts",
    search: "    this.#outbox.add(tickets);\n    return tickets.length;",
    replace: "    return tickets.length;",
  },
  {
    bug: "a report about other content settles the batch",
    file: "src/durable/statements.ts",
    search: "WHERE ${SAME_BATCH} AND state <> 'written'",
    replace: "WHERE batches.key = report.value ->> 'key' AND state <> 'written'",
  },
  {
    bug: "forgetting takes what is not written",
    file: "src/durable/forgetting.ts",
    search: "AND state = 'written' AND settled_at < ?",
    replace: "AND accepted_at < ?",
  },
  {
    bug: "the outbox gives up on what it could not send",
    file: "src/durable/ledger-shard.ts",
    search: "    this.ledger.reschedule(tickets.map(keyOf), due);\n",
    replace: "    this.ledger.reschedule(tickets.map(keyOf), due * 1e3);\n",
  },
  {
    bug: "tickets that nobody waits for gather for ever",
    file: "src/durable/outbox.ts",
    search: "this.#ports.clock.after(OUTBOX_MS, () => this.#sendGathered());",
    replace: "() => OUTBOX_MS;",
  },
  {
    bug: "a field's place is counted wrong",
    file: "src/store/insert-group.ts",
    search: "const field = `row.value ->> '$[${place}]'`;",
    replace: "const field = `row.value ->> '$[${Math.min(place, 3)}]'`;",
  },
  {
    bug: "a send that hangs is waited for",
    file: "src/durable/outbox.ts",
    search: "await Promise.race([this.#ports.send(tickets), timeout]);",
    replace: "void timeout.catch(() => {}); await this.#ports.send(tickets);",
  },
  {
    bug: "the queue gives up and nobody is told",
    file: "src/queue/dead-letters.ts",
    search: "logBuried(shard, await ledger.bury(shard, burials));",
    replace: "void [burials, ledger, logBuried];",
  },
  {
    bug: "a digest depends on the order of keys",
    file: "src/streams/parse.ts",
    search: "run: stream.complete ? stream.complete(run, kept) : run,",
    replace: "run: { ...Object(value), ...(stream.complete ? stream.complete(run, kept) : run) },",
  },
  {
    bug: "retention deletes runs under their results",
    file: "src/store/retention.ts",
    search: "WHERE NOT EXISTS (SELECT 1 FROM ${rows} AS row WHERE row.${runColumn} = run.id)",
    replace: "",
  },
  {
    bug: "what is sent again is not due later",
    file: "src/durable/statements.ts",
    search: "UPDATE batches SET due_at = ?1 + ?2\n",
    replace: "UPDATE batches SET due_at = due_at + 0 * (?1 + ?2)\n",
  },
  {
    bug: "a replayed batch stays dead",
    file: "src/durable/statements.ts",
    search:
      "UPDATE batches SET state = 'pending', settled_at = NULL, due_at = ?2 + ?3, attempts = 0,",
    replace: "UPDATE batches SET settled_at = NULL, due_at = ?2 + ?3, attempts = 0,",
  },
  {
    bug: "dropping leaves parts of the body",
    file: "src/durable/ledger.ts",
    search: "      this.#bodies.removeParts(dropped);\n",
    replace: "",
  },
  {
    bug: "dropping takes what is not dead",
    file: "src/durable/ledger.ts",
    search: "DELETE FROM batches WHERE key = ? AND state = 'dead' RETURNING key",
    replace: "DELETE FROM batches WHERE key = ? RETURNING key",
  },
  {
    bug: "what could not be written is acknowledged",
    file: "src/queue/writer.ts",
    search: '"failed") work.acknowledgements.again(delivery);',
    replace: '"failed") work.acknowledgements.done(delivery);',
  },
  {
    bug: "a message is acknowledged though one of its batches has to come again",
    file: "src/queue/delivery.ts",
    search: "open.again ||= again;",
    replace: "open.again = again;",
  },
  {
    bug: "a message is acknowledged with the first of its batches",
    file: "src/queue/delivery.ts",
    search: "      if (open.batches > 0) continue;\n",
    replace: "",
  },
  {
    bug: "a batch is not looked for in the other databases",
    file: "src/store/databases.ts",
    search: "const strangers = batches.filter(({ database }) => database !== number);",
    replace: "const strangers = batches.filter(() => false);",
  },
  {
    bug: "of a group of which another database has a part, the rest is not told of",
    file: "src/store/databases.ts",
    search: "  return new Map([...outcomes, ...inserted]);",
    replace: "  return outcomes.size > 0 ? outcomes : inserted;",
  },
  {
    bug: "two databases give the same ids",
    file: "src/store/databases.ts",
    search: "number * IDS_OF_A_DATABASE",
    replace: "0 * number * IDS_OF_A_DATABASE",
  },
  {
    bug: "load is shed and never let in again",
    file: "src/router/uploads-in-memory.ts",
    search: "if (holds.delete(hold)) heldBytes -= hold.bytes;",
    replace: "holds.delete(hold);",
  },
  {
    bug: "an upload counts only for what it was taken for at first",
    file: "src/router/uploads-in-memory.ts",
    search: "if (more <= 0) return;",
    replace: "if (hold.bytes > 0) return;",
  },
  {
    bug: "an upload whose client went away is held for ever",
    file: "src/router/uploads-in-memory.ts",
    search: "  waitUntil(working.catch(() => {}));\n",
    replace: "",
  },
  {
    bug: "a crowded shard forgets what was written last",
    file: "src/durable/forgetting.ts",
    search: "ORDER BY rowid LIMIT",
    replace: "ORDER BY rowid DESC LIMIT",
  },
  {
    bug: "a crowded shard's alarm is set for 0, which the platform refuses",
    file: "src/durable/ledger-shard.ts",
    search: "Math.max(now, this.forgetting",
    replace: "Math.max(0, this.forgetting",
  },
  {
    bug: "the search for culprits has no end",
    file: "src/queue/write-batches.ts",
    search: "  search.transactions -= 1;\n",
    replace: "",
  },
  {
    bug: "tickets that do not fit into the outbox are dropped",
    file: "src/durable/outbox.ts",
    search: "if (left.length > 0) this.#ports",
    replace: "if (left.length < 0) this.#ports",
  },
  {
    bug: "of two tickets for a batch the last in the delivery counts",
    file: "src/queue/delivery.ts",
    search: "known && isLater(known.ticket, ticket)",
    replace: "known && isLater(ticket, known.ticket)",
  },
  {
    bug: "a filter in the address of a replay is passed over",
    file: "src/router/filter.ts",
    search: 'search !== ""',
    replace: 'search === "never"',
  },
  {
    bug: "a run that was there before is not looked for",
    file: "src/store/insert-group.ts",
    search: "const known = batches.filter((batch) => !outcomes.has(batch.batch_id));",
    replace: "const known = batches.filter(() => false);",
  },
  {
    bug: "what one batch of many throws is thrown at all that came with it",
    file: "src/durable/intake.ts",
    search: "        reject(error);\n      }\n    }\n    this.#ports.stored(",
    replace: "        reject(error);\n        break;\n      }\n    }\n    this.#ports.stored(",
  },
  {
    bug: "a turn waits for callers that do not come again",
    file: "src/durable/intake.ts",
    search: "if (someCame && clock.now()",
    replace: "if (clock.now()",
  },
  {
    bug: "the ledger forgets what it wrote just now",
    file: "src/durable/forgetting.ts",
    search: "now - this.#retentionMs",
    replace: "now + this.#retentionMs",
  },
  {
    bug: "a late failure brings a written batch back to dead",
    file: "src/durable/statements.ts",
    search: "accepted_at = burial.value ->> 'accepted_at' AND state = 'pending'",
    replace: "accepted_at = burial.value ->> 'accepted_at'",
  },
  {
    bug: "the alarm is set only after the batch is stored",
    file: "src/durable/intake.ts",
    search: "await this.#ports.ready();",
    replace: "void this.#ports.ready().catch(() => {});",
  },
  {
    bug: "after an eviction nobody looks for the parts of a long body",
    file: "src/durable/body-store.ts",
    search: 'this.#anyParts = sql.exec("SELECT 1 FROM body_parts LIMIT 1").length > 0;',
    replace: "this.#anyParts = false;",
  },
  {
    bug: "an error nobody knows kills the batch",
    file: "src/store/failure.ts",
    search: 'return TRANSIENT.test(reason) ? "transient" : "unknown";',
    replace: 'return TRANSIENT.test(reason) ? "transient" : "permanent";',
  },
  {
    bug: "a duplicate tells of another batch's rows",
    file: "src/durable/ledger.ts",
    search:
      'batch_run_id, row_count, reason: null };\n      return { receipt: { outcome: "duplicate", ...written } };',
    replace:
      'batch_run_id, row_count: known.row_count, reason: null };\n      return { receipt: { outcome: "duplicate", ...written } };',
  },
  {
    bug: "the ticket names no shard but the first",
    file: "src/durable/ledger.ts",
    search: "return { ...batchOf(key), shard: this.#settings.shard, bytes, replays, accepted_at };",
    replace: "return { ...batchOf(key), shard: 0, bytes, replays, accepted_at };",
  },
  {
    bug: "the totals miss what was dropped",
    file: "src/durable/ledger.ts",
    search: "      this.#counters.add(`dropped/${batchOf(key).stream}`, dropped.length);\n",
    replace: "",
  },
  {
    bug: "forgetting never comes past its first stretch",
    file: "src/durable/forgetting.ts",
    search: 'this.#setNote("forget_from", to ?? "");',
    replace: 'this.#setNote("forget_from", "");',
  },
  {
    bug: "forgetting never begins again",
    file: "src/durable/forgetting.ts",
    search: 'this.#setNote("forget_from", to ?? "");',
    replace: 'this.#setNote("forget_from", to ?? END);',
  },
  {
    bug: "the next stretch is looked at a day later",
    file: "src/durable/forgetting.ts",
    search: "to === undefined ? now + FORGET_EVERY_MS : now",
    replace: "now + FORGET_EVERY_MS",
  },
  {
    bug: "the audit never comes past its first stretch",
    file: "src/durable/batch-ledger.ts",
    search: "if (key !== known) await this.ctx.storage.put(AUDITED_TO, key);",
    replace: "void [key, known];",
  },
  {
    bug: "the audit never begins again",
    file: "src/durable/batch-ledger.ts",
    search: 'rows.length === AUDIT_ROWS ? (rows.at(-1)?.key ?? "") : "";',
    replace: "rows.at(-1)?.key ?? from;",
  },
  {
    bug: "one alarm sends all that is due",
    file: "src/durable/ledger-shard.ts",
    search: "Math.min(REDELIVER_TICKETS, this.#outbox.room)",
    replace: "Math.max(REDELIVER_TICKETS, this.#outbox.room)",
  },
  {
    bug: "a shard takes batches that shard 0 does not know of",
    file: "src/durable/batch-ledger.ts",
    search: "reason: reasonOf(error) });\n      throw error;",
    replace: "reason: reasonOf(error) });",
  },
  {
    bug: "retention says that it has deleted everything",
    file: "src/store/retention.ts",
    search: "return { ...deleted, more: true };",
    replace: "return { ...deleted, more: false };",
  },
  {
    bug: "the totals miss what was forgotten",
    file: "src/durable/forgetting.ts",
    search: "this.#counters.add(`forgotten/${stream}`, rows.length);",
    replace: "void [stream, rows];",
  },
  {
    bug: "a report settles what was posted again since",
    file: "src/durable/statements.ts",
    search: "AND accepted_at = report.value ->> 'accepted_at'`;",
    replace: "`;",
  },
  {
    bug: "what D1 had already counts as young",
    file: "src/queue/write-batches.ts",
    search: "const dated = since && { dated_at: Date.parse(since) };",
    replace: "const dated = since && {};",
  },
  {
    bug: "retention comes to no run while there are rows",
    file: "src/store/retention.ts",
    search: "FROM (${oldest}) AS run CROSS JOIN",
    replace: 'FROM (${oldest.replace("?2", "-1")}) AS run CROSS JOIN',
  },
  {
    bug: "a report does not say which replay it belongs to",
    file: "src/queue/write-batches.ts",
    search: "return { key, digest, replays, accepted_at: Date.parse(accepted_at) };",
    replace: "return { key, digest, replays: 0 * replays, accepted_at: Date.parse(accepted_at) };",
  },
  {
    bug: "a shard that is woken sets no alarm for what is pending",
    file: "src/durable/ledger-shard.ts",
    search: "this.#alarmAt = alarmAt;\n    await this.#rearm();",
    replace: "this.#alarmAt = alarmAt;",
  },
];
