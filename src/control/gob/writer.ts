/**
 * A buffer that grows while gob is written into it.
 *
 * @module
 */

import { foldSign, MAX_NUMBER_LEN, writeFloat, writeUnsigned } from "./unsigned.ts";

/** Octets that a writer has room for at first: more than a message between nodes usually takes. */
const INITIAL_LEN = 256;

const utf8 = new TextEncoder();

/** Writes gob's numbers, strings and messages one behind the other. */
export class GobWriter {
  #octets = new Uint8Array(INITIAL_LEN);
  #length = 0;

  /** What was written so far: a view that holds until the next write. */
  get written(): Uint8Array {
    return this.#octets.subarray(0, this.#length);
  }

  /** Writes an unsigned integer, 0 to 2^53 − 1. */
  writeUnsigned(value: number): void {
    this.#reserve(MAX_NUMBER_LEN);
    this.#length += writeUnsigned(this.#octets, this.#length, value);
  }

  /** Writes a signed integer, −2^52 to 2^52 − 1. */
  writeSigned(value: number): void {
    this.writeUnsigned(foldSign(value));
  }

  /** Writes a float. */
  writeFloat(value: number): void {
    this.#reserve(MAX_NUMBER_LEN);
    this.#length += writeFloat(this.#octets, this.#length, value);
  }

  /** Writes octets behind their count; a message is that, too. */
  writeOctets(octets: Uint8Array): void {
    this.writeUnsigned(octets.length);
    this.#reserve(octets.length);
    this.#octets.set(octets, this.#length);
    this.#length += octets.length;
  }

  /** Writes a string. */
  writeString(text: string): void {
    this.writeOctets(utf8.encode(text));
  }

  #reserve(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#octets.length) return;
    const grown = new Uint8Array(Math.max(needed, 2 * this.#octets.length));
    grown.set(this.written);
    this.#octets = grown;
  }
}
