import { test } from "vitest";
import { realClock } from "../../src/durable/clock.ts";
import { Intake } from "../../src/durable/intake.ts";
import type { Admission, Receipt } from "../../src/durable/ledger.ts";
import { COMPANY_MS, INTAKE_MS, RETURN_MS } from "../../src/limits.ts";
import type { Ticket } from "../../src/queue/ticket.ts";
import { admission } from "./admission.ts";
import { HandClock } from "./hand-clock.ts";

const PENDING = { state: "pending", batch_run_id: null, row_count: 0, reason: null } as const;

/** A ledger that takes whatever comes. */
function accepted({ stream, batch_id, bytes }: Admission): { receipt: Receipt; ticket: Ticket } {
  const ticket = { stream, batch_id, shard: 0, bytes, replays: 0, accepted_at: 0 };
  return { receipt: { outcome: "accepted", ...PENDING }, ticket };
}

/** An intake with a hand on its clock, while callers wait elsewhere, and the batches of each of its turns. */
function intakeByHand(ready: () => Promise<void> = () => Promise.resolve()) {
  const clock = new HandClock();
  const stored: string[][] = [];
  const intake = new Intake({
    clock,
    expecting: () => true,
    ready,
    store: accepted,
    stored: (tickets) => void stored.push(tickets.map(({ batch_id }) => batch_id)),
  });
  return { clock, intake, stored };
}

test("batches that arrive together are stored in one turn, and their tickets go together", async ({
  expect,
}) => {
  const turns: string[] = [];
  const sent: [number, boolean][] = [];
  const intake = new Intake({
    clock: realClock,
    expecting: () => false,
    async ready() {
      turns.push("|");
    },
    store: (one) => {
      turns.push(one.batch_id);
      return accepted(one);
    },
    stored: (tickets, awaited) => void sent.push([tickets.length, awaited]),
  });
  const receipts = await Promise.all(["a", "b", "c"].map((id) => intake.add(admission(id), false)));
  expect(receipts.map(({ outcome }) => outcome)).toEqual(["accepted", "accepted", "accepted"]);
  await intake.add(admission("d"), true);
  expect(turns.join("")).toBe("|abc|d");
  expect(sent).toEqual([
    [3, false],
    [1, true],
  ]);
});

test("batches that wait for company are stored with what is committed anyway, and once", async ({
  expect,
}) => {
  const { clock, intake, stored } = intakeByHand();
  const receipts = ["a", "b"].map((id) => intake.add(admission(id), true));
  intake.joinCommit();
  await Promise.all(receipts);
  expect(stored).toEqual([["a", "b"]]);
  expect(clock.running).toBe(0);
  intake.joinCommit();
  await scheduler.wait(0);
  expect(stored).toHaveLength(1);
});

test("what comes while a turn is being made ready has a turn of its own", async ({ expect }) => {
  const { promise: beingReady, resolve: isReady } = Promise.withResolvers<void>();
  const { clock, intake, stored } = intakeByHand(() => beingReady);
  const first = intake.add(admission("a"), true);
  intake.joinCommit();
  const second = intake.add(admission("b"), true);
  isReady();
  await first;
  expect(stored).toEqual([["a"]]);
  clock.pass(INTAKE_MS);
  await second;
  expect(stored).toEqual([["a"], ["b"]]);
});

test("a batch that cannot be stored fails alone", async ({ expect }) => {
  const sent: number[] = [];
  const intake = new Intake({
    clock: realClock,
    expecting: () => false,
    ready: () => Promise.resolve(),
    store(one) {
      if (one.batch_id === "b") throw new Error("string or blob too big");
      return accepted(one);
    },
    stored: (tickets) => void sent.push(tickets.length),
  });
  const outcomes = await Promise.allSettled(
    ["a", "b", "c"].map((id) => intake.add(admission(id), false)),
  );
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(sent).toEqual([2]);
});

test("a batch waits for others, unless it comes alone as the one before it did", async ({
  expect,
}) => {
  const clock = new HandClock();
  let expecting = false;
  const intake = new Intake({
    clock,
    expecting: () => expecting,
    ready: () => Promise.resolve(),
    store: accepted,
    stored: () => {},
  });
  /** Lets one batch come after so many milliseconds. @returns whether it waited for others. */
  const waits = async (after_ms: number) => {
    clock.pass(after_ms);
    const { set } = clock;
    const receipt = intake.add(admission("a"), false);
    const waited = clock.set > set;
    clock.pass(waited ? INTAKE_MS : 0);
    await receipt;
    return waited;
  };
  expect(await waits(0), "the first").toBe(true);
  expect(await waits(100), "alone, after one that was").toBe(false);
  expect(await waits(100), "alone again").toBe(false);
  expect(await waits(COMPANY_MS), "close after another").toBe(true);
  expecting = true;
  expect(await waits(100), "while callers wait here").toBe(true);
  expecting = false;
  const both = [intake.add(admission("b"), false), intake.add(admission("c"), false)];
  clock.pass(INTAKE_MS);
  await Promise.all(both);
  expect(await waits(100), "after two that came together").toBe(true);
});

test("a caller that waits for a batch which is known already hurries no ticket", async ({
  expect,
}) => {
  const sent: [number, boolean][] = [];
  const intake = new Intake({
    clock: realClock,
    expecting: () => false,
    ready: () => Promise.resolve(),
    store: (one) =>
      one.batch_id === "known" ? { receipt: { outcome: "duplicate", ...PENDING } } : accepted(one),
    stored: (tickets, awaited) => void sent.push([tickets.length, awaited]),
  });
  await Promise.all([intake.add(admission("new"), false), intake.add(admission("known"), true)]);
  expect(sent).toEqual([[1, false]]);
});

test("a turn waits while callers that were answered come again, and ends with the last of them", async ({
  expect,
}) => {
  const { clock, intake, stored } = intakeByHand();
  intake.expectBack(3);
  const receipts = [intake.add(admission("a"), true), intake.add(admission("b"), true)];
  clock.pass(INTAKE_MS);
  receipts.push(intake.add(admission("c"), true));
  await Promise.all(receipts);
  expect(stored).toEqual([["a", "b", "c"]]);
  expect(clock.running).toBe(0);
});

test("the only caller there is waits for nobody", async ({ expect }) => {
  const { clock, intake, stored } = intakeByHand();
  intake.expectBack(1);
  await intake.add(admission("a"), true);
  expect(stored).toEqual([["a"]]);
  expect(clock.set).toBe(0);
});

test("who is expected and does not come holds nobody up", async ({ expect }) => {
  const { clock, intake, stored } = intakeByHand();
  intake.expectBack(3);
  const receipt = intake.add(admission("a"), true);
  clock.pass(INTAKE_MS);
  await receipt;
  expect(stored).toEqual([["a"]]);
});

test("a turn waits for callers that come again no longer than they are expected", async ({
  expect,
}) => {
  const { clock, intake, stored } = intakeByHand();
  intake.expectBack(1_000);
  const receipts: Promise<Receipt>[] = [];
  for (let ms = 0; ms < RETURN_MS; ms += INTAKE_MS) {
    expect(stored).toEqual([]);
    receipts.push(intake.add(admission("a"), true), intake.add(admission("a"), true));
    clock.pass(INTAKE_MS);
  }
  await Promise.all(receipts);
  expect(stored).toEqual([receipts.map(() => "a")]);
  const late = [intake.add(admission("b"), true), intake.add(admission("c"), true)];
  clock.pass(INTAKE_MS);
  await Promise.all(late);
  expect(stored[1]).toEqual(["b", "c"]);
});

test("who is expected from two settlements is waited for, and who does not wait is nobody of them", async ({
  expect,
}) => {
  const { clock, intake, stored } = intakeByHand();
  intake.expectBack(1);
  intake.expectBack(1);
  const receipts = [
    intake.add(admission("a"), true),
    intake.add(admission("b"), false),
    intake.add(admission("c"), false),
    intake.add(admission("d"), true),
  ];
  await Promise.all(receipts);
  expect(stored).toEqual([["a", "b", "c", "d"]]);
  expect(clock.running).toBe(0);
});

test("a settlement that answers nobody makes the wait for those before no longer", async ({
  expect,
}) => {
  const { clock, intake, stored } = intakeByHand();
  intake.expectBack(2);
  clock.pass(RETURN_MS - 1);
  intake.expectBack(0);
  const receipts = [intake.add(admission("a"), true), intake.add(admission("b"), true)];
  await Promise.all(receipts);
  expect(stored, "who comes in time is still one of them").toEqual([["a", "b"]]);
  intake.expectBack(1);
  clock.pass(RETURN_MS - 1);
  intake.expectBack(0);
  clock.pass(1);
  const late = [intake.add(admission("c"), true), intake.add(admission("d"), true)];
  clock.pass(INTAKE_MS);
  await Promise.all(late);
  expect(stored[1]).toEqual(["c", "d"]);
});

test("who did not come in time is not waited for with those that are answered later", async ({
  expect,
}) => {
  const { clock, intake, stored } = intakeByHand();
  intake.expectBack(5);
  clock.pass(RETURN_MS);
  intake.expectBack(1);
  await intake.add(admission("a"), true);
  expect(stored).toEqual([["a"]]);
  expect(clock.set).toBe(0);
});
