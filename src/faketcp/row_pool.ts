/**
 * The free rows of a connection table, first in, first out.
 *
 * A row rests before it is used again, because a lane may still stand on it while it walks a chain. First in, first out
 * makes the rest as long as possible.
 *
 * @module
 */

import { NO_CONNECTION, ROW_REST_MS } from "./connection_table.ts";

/** Gives out rows and takes them back. */
export class RowPool {
  readonly #rows: Int32Array;
  /** By row, from when on it may be used. */
  readonly #restedMs: Float64Array;
  #first = 0;
  #count: number;

  /** @param capacity Rows of the table, all free. */
  constructor(capacity: number) {
    this.#rows = Int32Array.from({ length: capacity }, (_, row) => row);
    this.#restedMs = new Float64Array(capacity).fill(-Infinity);
    this.#count = capacity;
  }

  /** Takes a row; {@linkcode NO_CONNECTION} if none is free and rested. */
  take(nowMs: number): number {
    if (this.#count === 0) return NO_CONNECTION;
    const row = this.#rows[this.#first];
    if (nowMs < this.#restedMs[row]) return NO_CONNECTION;
    this.#first = (this.#first + 1) % this.#rows.length;
    this.#count--;
    return row;
  }

  /** Gives back a row that was taken, and that is in no chain any more. */
  release(row: number, nowMs: number): void {
    this.#restedMs[row] = nowMs + ROW_REST_MS;
    this.#rows[(this.#first + this.#count) % this.#rows.length] = row;
    this.#count++;
  }
}
