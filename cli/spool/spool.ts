import type { DatabaseSync, StatementSync } from "node:sqlite";
import * as v from "valibot";
import { makeFile, openDatabase, survive } from "../database.ts";
import { CLAIM_MS, MAX_REASON_LENGTH } from "../limits.ts";
import {
  OwnCounts,
  Elsewhere,
  Entry,
  EntryBody,
  type NewEntry,
  Owner,
  type Tally,
} from "./entry.ts";
import { isGone, PROCESS_NAME } from "./process-name.ts";
import * as sql from "./statements.ts";

/** The path of a spool that ends with the process. */
export const IN_MEMORY = ":memory:";

/** Which of the uploads are meant. */
export interface Reach {
  /**
   * Of the service that uploads are put in for, and taken out for; empty where none is configured.
   * What was put in for none is meant as well.
   */
  address: string;
  /** Other addresses, of which uploads are taken out as well. */
  from?: readonly string[];
}

/** How an attempt ended that did not deliver the upload. */
export interface Setback {
  state: Entry["state"];
  attempts: number;
  /** HTTP status, or null where no answer of the service came. */
  status: number | null;
  reason: string;
}

/**
 * The uploads on this machine that the service has not acknowledged, in a SQLite file. An
 * upload is in it before it is sent and leaves it after the service has answered, so a
 * process may die at any moment. Several processes may use it; a claim keeps them from
 * sending the same upload at once, which would be harmless, but in vain.
 */
export class Spool {
  readonly path: string;
  readonly #reach: Reach;
  readonly #db: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** @throws Error where the file cannot be made, or is no database. */
  constructor(path: string, reach: Reach = { address: "" }) {
    this.path = path;
    this.#reach = reach;
    // Reports may quote what is nobody else's business.
    if (this.lasting) makeFile(path, 0o600);
    this.#db = openDatabase(path, sql.SCHEMA);
  }

  /** Whether what is kept outlives the process. */
  get lasting(): boolean {
    return this.path !== IN_MEMORY;
  }

  /**
   * Keeps an upload for the address at hand, claimed by this process. Durable when it returns.
   * @throws Error where there is no room for it.
   */
  add(entry: NewEntry): Entry {
    // Not `get`: node:sqlite then returns the row and says nothing of a commit that failed.
    const { address } = this.#reach;
    const [row] = this.#prepare(sql.ADD).all({ ...entry, address, ...claim() });
    return v.parse(Entry, row);
  }

  /**
   * Claims uploads that are meant and that no living process has claimed: what waits, oldest first,
   * and then what was refused.
   * @param refused also those that the service refused for good.
   * @param after only those that come after this one.
   */
  claim(most: number, refused: boolean, after?: Entry): Entry[] {
    this.#releaseTheDead();
    const wanted = this.#wanted(most, refused, after);
    const rows = this.#prepare(sql.CLAIM).all({ ...claim(), ...wanted });
    return rows.map((row) => v.parse(Entry, row)).toSorted(inTurn);
  }

  /** What would be claimed. */
  read(most: number, refused: boolean, after?: Entry): Entry[] {
    const rows = this.#prepare(sql.READ).all(this.#wanted(most, refused, after));
    return rows.map((row) => v.parse(Entry, row));
  }

  /** Keeps the claim of an upload for another while. */
  renew(id: number): void {
    this.#prepare(sql.RENEW).run({ id, ...claim() });
  }

  /** What shall not undo what is kept from now on: the end of the process, or of the machine's power. */
  survive(death: "of process" | "of machine"): void {
    survive(this.#db, death);
  }

  /** Gives up every claim of this process. */
  release(): void {
    this.#prepare(sql.RELEASE_ALL).run({ claimed_by: PROCESS_NAME });
  }

  /** The service has it: the upload leaves the spool. Returns whether it was there. */
  remove(id: number): boolean {
    return this.#prepare(sql.DELETE).run({ id }).changes > 0;
  }

  /** The upload stays, with what went wrong. */
  setBack(id: number, { state, attempts, status, reason }: Setback): void {
    const last_error = reason.slice(0, MAX_REASON_LENGTH);
    this.#prepare(sql.SETTLE).run({ id, state, attempts, last_status: status, last_error });
  }

  /** Everything, whoever it is for. */
  list(): Entry[] {
    return this.#prepare(sql.LIST)
      .all()
      .map((row) => v.parse(Entry, row));
  }

  find(id: number): Entry | undefined {
    const row = this.#prepare(sql.FIND).get({ id });
    return row && v.parse(Entry, row);
  }

  /** The gzipped JSON of an upload, or undefined where another process has delivered or dropped it. */
  body(id: number): Uint8Array<ArrayBuffer> | undefined {
    const row = this.#prepare(sql.BODY).get({ id });
    return row && new Uint8Array(v.parse(EntryBody, row).body);
  }

  tally(): Tally {
    const meant = this.#meant();
    const elsewhere = this.#prepare(sql.ELSEWHERE).all(meant);
    return {
      ...v.parse(OwnCounts, this.#prepare(sql.COUNT).get(meant)),
      elsewhere: elsewhere.map((row) => v.parse(Elsewhere, row)),
    };
  }

  /**
   * A look at what the next upload needs, in no time however much is kept.
   * @throws Error where the table is another's, or cannot be read where it ends.
   */
  probe(): void {
    // To prepare them looks whether all the columns are there.
    for (const statement of [sql.CLAIM, sql.ADD]) this.#prepare(statement);
    this.#prepare(sql.LAST).get();
  }

  /**
   * Reads the whole file, which takes seconds where much is kept.
   * @throws Error where it is damaged, or its table is another's.
   */
  check(): void {
    const state = Object.values(this.#prepare("PRAGMA quick_check").get() ?? {}).join();
    if (state !== "ok") throw new Error(`it is damaged: ${state}`);
    this.probe();
  }

  close(): void {
    try {
      this.release();
    } catch {
      // A disk that is full. A claim is void anyway once its process is gone.
    }
    this.#db.close();
  }

  /** Whoever was killed left claims behind. */
  #releaseTheDead(): void {
    for (const row of this.#prepare(sql.CLAIMANTS).all()) {
      const { claimed_by } = v.parse(Owner, row);
      if (isGone(claimed_by)) this.#prepare(sql.RELEASE_ALL).run({ claimed_by });
    }
  }

  #meant() {
    const { address, from = [] } = this.#reach;
    return { meant: JSON.stringify(["", address, ...from]) };
  }

  #wanted(most: number, refused: boolean, after: Entry | undefined) {
    const [after_refused, after_id] = [Number(after?.state === "refused"), after?.id ?? 0];
    const place = { now: Date.now(), most, refused: Number(refused), after_refused, after_id };
    return { ...this.#meant(), ...place };
  }

  #prepare(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (!statement) this.#statements.set(text, (statement = this.#db.prepare(text)));
    return statement;
  }
}

function inTurn(one: Entry, other: Entry): number {
  return Number(one.state === "refused") - Number(other.state === "refused") || one.id - other.id;
}

function claim() {
  return { claimed_by: PROCESS_NAME, claimed_until: Date.now() + CLAIM_MS };
}
