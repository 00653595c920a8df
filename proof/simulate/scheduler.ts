import type { Clock } from "../../src/durable/clock.ts";

interface Event {
  time: number;
  order: number;
  /** Undefined where it was cancelled: then it is no step. */
  run: (() => void) | undefined;
}

/**
 * The simulation's time: events in the order of their times. One event and everything that
 * follows from it without waiting is one step, so what happens between two awaits of the real
 * code is decided by the events' times, and those by the seed.
 */
export class Scheduler implements Clock {
  readonly #events: Event[] = [];
  #order = 0;
  #time = Date.UTC(2026, 10, 1);
  steps = 0;

  now(): number {
    return this.#time;
  }

  after(ms: number, callback: () => void): () => void {
    const event: Event = {
      time: this.#time + Math.max(0, ms),
      order: this.#order++,
      run: callback,
    };
    this.#push(event);
    return () => {
      event.run = undefined;
    };
  }

  /** Resolves after that time. */
  delay(ms: number): Promise<void> {
    return new Promise((resolve) => this.after(ms, resolve));
  }

  /** Time passes at once: what was due meanwhile comes late. */
  skip(ms: number): void {
    this.#time += ms;
  }

  /** Runs the next event. @returns false where there is none. */
  async step(): Promise<boolean> {
    let event = this.#pop();
    while (event && !event.run) event = this.#pop();
    if (!event?.run) return false;
    this.#time = Math.max(this.#time, event.time);
    this.steps += 1;
    event.run();
    // Lets every promise that is settled by now run on.
    await new Promise((resolve) => setImmediate(resolve));
    return true;
  }

  #push(event: Event): void {
    const heap = this.#events;
    let index = heap.push(event) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (!this.#swapIfLater(parent, index)) break;
      index = parent;
    }
  }

  #pop(): Event | undefined {
    const heap = this.#events;
    const first = heap[0];
    const last = heap.pop();
    if (!first || !last || first === last) return first;
    heap[0] = last;
    for (let index = 0; ;) {
      const left = 2 * index + 1;
      const right = left + 1;
      const child = right < heap.length && this.#later(left, right) ? right : left;
      if (child >= heap.length || !this.#swapIfLater(index, child)) break;
      index = child;
    }
    return first;
  }

  #later(a: number, b: number): boolean {
    const [x, y] = [this.#events[a], this.#events[b]];
    if (!x || !y) return false;
    return x.time > y.time || (x.time === y.time && x.order > y.order);
  }

  #swapIfLater(a: number, b: number): boolean {
    const [x, y] = [this.#events[a], this.#events[b]];
    if (!x || !y || !this.#later(a, b)) return false;
    this.#events[a] = y;
    this.#events[b] = x;
    return true;
  }
}
