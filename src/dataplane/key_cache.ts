// No allocation per packet in this file.
/**
 * A lane's own copies of the session keys, taken from the tables when first needed.
 *
 * A copy fits one generation of its row. While the control thread puts other keys into a row, a lane goes on with a whole
 * key, never with halves of two.
 *
 * @module
 */

import { KEY_LEN, SessionState, type Tables } from "./tables.ts";

const NO_GENERATION = -1;

/** Keys of one direction by session row. */
export class KeyCache implements Disposable {
  /** 32 octets a row: what the shim seals or opens with. */
  readonly keys: Uint8Array<ArrayBuffer>;
  readonly #tables: Tables;
  readonly #shared: Uint8Array;
  readonly #generations: Int32Array;

  /** @param direction Whether these are the keys that we seal with, or those that we open with. */
  constructor(tables: Tables, direction: "seal" | "open") {
    this.#tables = tables;
    this.#shared = direction === "seal" ? tables.sessionSendKey : tables.sessionReceiveKey;
    this.keys = new Uint8Array(this.#shared.length);
    this.#generations = new Int32Array(tables.sessionState.length).fill(NO_GENERATION);
  }

  /**
   * Makes sure that the copy of a row fits the keys in the tables.
   *
   * @returns `false` if the session was withdrawn: there are no keys then, and nothing may be sealed or opened.
   */
  ensure(sessionRow: number): boolean {
    return this.isCurrent(sessionRow) || this.#renew(sessionRow);
  }

  /** Tells whether the copy of a row still fits the keys in the tables. */
  isCurrent(sessionRow: number): boolean {
    return Atomics.load(this.#tables.sessionGeneration, sessionRow) === this.#generations[sessionRow];
  }

  #renew(sessionRow: number): boolean {
    const { sessionGeneration, sessionState } = this.#tables;
    const at = sessionRow * KEY_LEN;
    let generation: number;
    let isWithdrawn: boolean;
    do {
      generation = Atomics.load(sessionGeneration, sessionRow);
      // Atomic: plain loads might come after that of the generation below.
      for (let index = 0; index < KEY_LEN; index++) this.keys[at + index] = Atomics.load(this.#shared, at + index);
      isWithdrawn = Atomics.load(sessionState, sessionRow) === SessionState.NONE;
    } while (Atomics.load(sessionGeneration, sessionRow) !== generation);
    // What is sealed with the zeros of a withdrawn session, anybody can open.
    if (isWithdrawn) this.keys.fill(0, at, at + KEY_LEN);
    this.#generations[sessionRow] = isWithdrawn ? NO_GENERATION : generation;
    return !isWithdrawn;
  }

  /** Zeroes the copies of keys that are gone from the tables, so that no key outlives its session for long. */
  sweep(): void {
    for (let row = 0; row < this.#generations.length; row++) {
      if (this.#generations[row] === NO_GENERATION || this.isCurrent(row)) continue;
      this.keys.fill(0, row * KEY_LEN, (row + 1) * KEY_LEN);
      this.#generations[row] = NO_GENERATION;
    }
  }

  [Symbol.dispose](): void {
    this.keys.fill(0);
    this.#generations.fill(NO_GENERATION);
  }
}
