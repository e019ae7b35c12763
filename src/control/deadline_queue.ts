/**
 * Deadlines of many peers, the earliest first: whoever waits for one doesn't look at all.
 *
 * A binary heap in which each row's place is known, so that its deadline can be moved. Rows with the same deadline come in
 * the order in which it was set.
 *
 * @module
 */

interface Entry {
  readonly row: number;
  dueMs: number;
  /** Breaks ties. */
  order: number;
}

/** A deadline for each row that has one. */
export class DeadlineQueue {
  readonly #heap: Entry[] = [];
  /** Where in the heap a row is. */
  readonly #places = new Map<number, number>();
  #order = 0;

  /** The earliest deadline, ms; `Infinity` if there is none. */
  get nextMs(): number {
    return this.#heap.length === 0 ? Infinity : this.#heap[0].dueMs;
  }

  /** Sets the deadline of a row, in place of an earlier one; `Infinity` for none. A logarithm of the rows' number in steps. */
  set(row: number, dueMs: number): void {
    const place = this.#places.get(row);
    if (dueMs === Infinity) {
      if (place !== undefined) this.#remove(place);
      return;
    }
    if (place === undefined) {
      this.#put(this.#heap.length, { row, dueMs, order: this.#order++ });
      this.#rise(this.#heap.length - 1);
      return;
    }
    const entry = this.#heap[place];
    if (entry.dueMs === dueMs) return;
    entry.dueMs = dueMs;
    entry.order = this.#order++;
    this.#sink(this.#rise(place));
  }

  /** Takes out the row whose deadline is the earliest if that has come; `undefined` otherwise. */
  takeDue(nowMs: number): number | undefined {
    const first = this.#heap.at(0);
    if (first === undefined || first.dueMs > nowMs) return undefined;
    this.#remove(0);
    return first.row;
  }

  #remove(place: number): void {
    this.#places.delete(this.#heap[place].row);
    const last = this.#heap.pop()!;
    if (place === this.#heap.length) return;
    this.#put(place, last);
    this.#sink(this.#rise(place));
  }

  #rise(place: number): number {
    const entry = this.#heap[place];
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (!isBefore(entry, this.#heap[parent])) break;
      this.#put(place, this.#heap[parent]);
      place = parent;
    }
    this.#put(place, entry);
    return place;
  }

  #sink(place: number): void {
    const entry = this.#heap[place];
    for (;;) {
      let child = 2 * place + 1;
      if (child >= this.#heap.length) break;
      if (child + 1 < this.#heap.length && isBefore(this.#heap[child + 1], this.#heap[child])) child++;
      if (!isBefore(this.#heap[child], entry)) break;
      this.#put(place, this.#heap[child]);
      place = child;
    }
    this.#put(place, entry);
  }

  #put(place: number, entry: Entry): void {
    this.#heap[place] = entry;
    this.#places.set(entry.row, place);
  }
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.dueMs < other.dueMs || (one.dueMs === other.dueMs && one.order < other.order);
}
