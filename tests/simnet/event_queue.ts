/**
 * Simulated time: what is due earliest comes first, and of two due at once what was scheduled first.
 *
 * @module
 */

interface Entry {
  readonly timeMs: number;
  readonly order: number;
  readonly action: () => void;
}

/** Actions at one moment from which on a host must be spinning: it asks to be woken at once, again and again. */
const SPIN_LIMIT = 100_000;

/** A binary heap of actions by time, and the clock that follows it. */
export class EventQueue {
  readonly #heap: Entry[] = [];
  #order = 0;
  #nowMs = 0;
  #actionsNow = 0;

  /** Simulated time, ms. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** Schedules an action; a time that has passed means now. */
  push(timeMs: number, action: () => void): void {
    const heap = this.#heap;
    heap.push({ timeMs: Math.max(timeMs, this.#nowMs), order: this.#order++, action });
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(heap[at], heap[parent])) break;
      [heap[at], heap[parent]] = [heap[parent], heap[at]];
      at = parent;
    }
  }

  /** Takes the next action if it is due at or before a time; otherwise moves the clock there and returns `false`. */
  runNext(untilMs: number): boolean {
    const next = this.#heap[0];
    if (next === undefined || next.timeMs > untilMs) {
      this.#nowMs = Math.max(this.#nowMs, untilMs);
      return false;
    }
    this.#pop();
    this.#actionsNow = next.timeMs === this.#nowMs ? this.#actionsNow + 1 : 0;
    if (this.#actionsNow > SPIN_LIMIT) throw new Error(`Cannot go on: time stands still at ${this.#nowMs} ms`);
    this.#nowMs = next.timeMs;
    next.action();
    return true;
  }

  /** Takes all actions that are due at or before a time. */
  runUntil(untilMs: number): void {
    while (this.runNext(untilMs)) {
      // Each call takes one action.
    }
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop();
    if (last === undefined || heap.length === 0) return;
    heap[0] = last;
    for (let at = 0;;) {
      const left = 2 * at + 1;
      let least = at;
      if (left < heap.length && isBefore(heap[left], heap[least])) least = left;
      if (left + 1 < heap.length && isBefore(heap[left + 1], heap[least])) least = left + 1;
      if (least === at) return;
      [heap[at], heap[least]] = [heap[least], heap[at]];
      at = least;
    }
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.timeMs !== b.timeMs ? a.timeMs < b.timeMs : a.order < b.order;
}
