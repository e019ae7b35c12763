// No allocation per packet in this file.
/**
 * A lane's own cipher contexts, one a session row and direction, made from the keys in the tables when first needed.
 *
 * @module
 */

import { type Shim } from "../ffi/shim.ts";
import { KEY_LEN, type Tables } from "./tables.ts";

const HANDLE_LEN = 8;

/** Contexts of libcrypto by session row. */
export class CipherCache implements Disposable {
  /** Handles, 64 bits each, opaque to everyone but the shim. */
  readonly handles: Uint8Array<ArrayBuffer>;
  readonly #tables: Tables;
  readonly #keys: Uint8Array;
  readonly #shim: Shim;
  readonly #seals: number;
  readonly #generations: Int32Array;
  readonly #key = new Uint8Array(KEY_LEN);

  /** @param direction Whether the contexts seal with the send keys or open with the receive keys. */
  constructor(tables: Tables, shim: Shim, direction: "seal" | "open") {
    this.#tables = tables;
    this.#shim = shim;
    this.#seals = direction === "seal" ? 1 : 0;
    this.#keys = direction === "seal" ? tables.sessionSendKey : tables.sessionReceiveKey;
    this.handles = new Uint8Array(tables.sessionState.length * HANDLE_LEN);
    this.#generations = new Int32Array(tables.sessionState.length).fill(-1);
  }

  /** Makes sure that the context of a row fits the keys in the tables. */
  ensure(sessionRow: number): void {
    if (Atomics.load(this.#tables.sessionGeneration, sessionRow) !== this.#generations[sessionRow]) {
      this.#renew(sessionRow);
    }
  }

  /** Tells whether the context of a row still fits the keys in the tables. */
  isCurrent(sessionRow: number): boolean {
    return Atomics.load(this.#tables.sessionGeneration, sessionRow) === this.#generations[sessionRow];
  }

  #renew(sessionRow: number): void {
    const { sessionGeneration } = this.#tables;
    let generation: number;
    do {
      generation = Atomics.load(sessionGeneration, sessionRow);
      for (let index = 0; index < KEY_LEN; index++) this.#key[index] = this.#keys[sessionRow * KEY_LEN + index];
    } while (Atomics.load(sessionGeneration, sessionRow) !== generation);
    const result = this.#shim.symbols.eg_aead_set(this.handles, sessionRow, this.#key, 0, this.#seals);
    this.#key.fill(0);
    this.#shim.check("make cipher context", "ChaCha20-Poly1305", result);
    this.#generations[sessionRow] = generation;
  }

  /** Frees the contexts of keys that are gone from the tables, so that no key outlives its session for long. */
  sweep(): void {
    for (let row = 0; row < this.#generations.length; row++) {
      if (this.#generations[row] === -1 || this.#generations[row] === this.#tables.sessionGeneration[row]) continue;
      this.#shim.symbols.eg_aead_clear(this.handles, row);
      this.#generations[row] = -1;
    }
  }

  [Symbol.dispose](): void {
    for (let row = 0; row < this.#generations.length; row++) this.#shim.symbols.eg_aead_clear(this.handles, row);
    this.#generations.fill(-1);
  }
}
