import type { QueueMessage } from "../../src/queue/delivery.ts";
import { messagesOf, type Ticket, type TicketMessage } from "../../src/queue/ticket.ts";
import type { World } from "./world.ts";

interface Stored {
  id: string;
  body: TicketMessage;
  attempts: number;
  visibleAt: number;
}

/** Consumers at work at once, give or take one. */
const CONSUMERS = 10;
/** The platform ends a consumer that has worked for so long. */
const LONGEST_WORK_MS = 900_000;

/** A queue that loses, repeats, reorders and delays, with its dead-letter queue. */
export class MessageQueue {
  readonly #world: World;
  #messages: Stored[] = [];
  #dead: Stored[] = [];
  #ids = 0;
  /** Deliveries under way. */
  #underWay = 0;
  /** In some lives fewer than a batch has attempts, so that the queue gives up first, and in some more. */
  readonly #maxRetries: number;

  constructor(world: World) {
    this.#world = world;
    this.#maxRetries = world.random.between(2, 12);
  }

  get idle(): boolean {
    return this.#messages.length === 0 && this.#dead.length === 0 && this.#underWay === 0;
  }

  /** A send, with what may become of it. */
  async send(tickets: readonly Ticket[]): Promise<void> {
    const world = this.#world;
    const { scheduler, random } = world;
    await scheduler.delay(random.between(1, 30));
    if (world.strikes("sendHangs")) await new Promise(() => {});
    if (world.strikes("sendFails")) throw new Error("Queue is overloaded");
    for (const body of messagesOf(tickets)) {
      if (world.strikes("ticketLost")) continue;
      const copies = world.strikes("ticketDoubled") ? 2 : 1;
      for (let copy = 0; copy < copies; copy++) {
        const late = random.chance(0.05) ? random.between(0, 600_000) : random.between(0, 50);
        const id = String(this.#ids++);
        this.#messages.push({ id, body, attempts: 1, visibleAt: scheduler.now() + late });
        scheduler.after(late, () => this.deliver());
      }
    }
    await scheduler.delay(random.between(1, 30));
    if (world.strikes("sendFailsAfter")) throw new Error("Network connection lost.");
  }

  /** Delivers some of what is visible, in any order, if there is a free consumer. */
  deliver(): void {
    const { scheduler, random } = this.#world;
    // The next consumer that ends asks again.
    if (this.#underWay >= CONSUMERS) return;
    this.#messages = this.#take(this.#messages, (taken) => this.#consume(taken, "tickets"));
    this.#dead = this.#take(this.#dead, (taken) => this.#consume(taken, "dead-letters"));
    if (random.chance(0.2)) scheduler.after(random.between(1, 5), () => this.deliver());
  }

  #take(from: Stored[], consume: (taken: Stored[]) => Promise<void>): Stored[] {
    const { scheduler, random } = this.#world;
    const visible = from.filter((message) => message.visibleAt <= scheduler.now());
    if (visible.length === 0) return from;
    const taken = new Set(random.shuffled(visible).slice(0, random.between(1, 20)));
    if (taken.size < visible.length) scheduler.after(1, () => this.deliver());
    void consume([...taken]);
    return from.filter((message) => !taken.has(message));
  }

  async #consume(taken: Stored[], kind: "tickets" | "dead-letters"): Promise<void> {
    const { scheduler, random } = this.#world;
    this.#underWay += 1;
    const acked = new Set<Stored>();
    const retried = new Map<Stored, number>();
    const messages = taken.map((stored): QueueMessage => ({
      id: stored.id,
      attempts: stored.attempts,
      body: stored.body,
      ack: () => void acked.add(stored),
      retry: (options) => void retried.set(stored, options?.delaySeconds ?? 0),
    }));
    const { promise: death, resolve: die } = Promise.withResolvers<"died">();
    const dies = this.#world.strikes("consumerDies");
    const cancel = scheduler.after(dies ? random.between(0, 80) : LONGEST_WORK_MS, () =>
      die("died"),
    );
    const run = { alive: true };
    const work = this.#world.consume(messages, kind, run).then(
      () => "done" as const,
      () => "threw" as const,
    );
    const end = await Promise.race([work, death]);
    cancel();
    run.alive = false;
    this.#underWay -= 1;
    this.#world.note(`consumer of ${kind} ${end}`);
    for (const stored of taken) {
      // A handler that returns has acknowledged what it did not retry; one that throws, only
      // what it acknowledged itself; one that dies, nothing.
      const gone = end === "done" ? !retried.has(stored) : end === "threw" && acked.has(stored);
      if (!gone) this.#again(stored, (retried.get(stored) ?? 1) * 1000, kind);
    }
    this.deliver();
  }

  #again(stored: Stored, delay: number, kind: "tickets" | "dead-letters"): void {
    const world = this.#world;
    const { scheduler, random } = world;
    const next = { ...stored, attempts: stored.attempts + 1, visibleAt: scheduler.now() + delay };
    if (kind === "dead-letters") this.#dead.push(next);
    else if (stored.attempts > this.#maxRetries) {
      // So late that an operator has it replayed or posted again, or that the ledger sends it again.
      const latest = random.chance(0.5) ? 30_000 : 2_000_000;
      const late = world.strikes("burialLate") ? random.between(0, latest) : 0;
      this.#dead.push({ ...next, attempts: 1, visibleAt: scheduler.now() + late });
      scheduler.after(late, () => this.deliver());
    } else this.#messages.push(next);
    scheduler.after(delay, () => this.deliver());
  }
}
