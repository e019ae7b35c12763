/**
 * A cursor over a gob stream.
 *
 * Whatever the octets are, no method throws, and none reads outside. The first thing that is wrong is kept as the reader's
 * fault; from then on nothing remains and every number is 0, so a caller may look at the fault after several reads. It must
 * look at it in loops whose count came from the stream.
 *
 * @module
 */

import { GobFault } from "./fault.ts";
import { numberLength, readFloat, readUnsigned, unfoldSign } from "./unsigned.ts";

// Go's strings are any octets: what isn't UTF-8 becomes U+FFFD, and a byte order mark is a character like others.
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Reads a range of octets from front to back. The octets stay the caller's and mustn't change meanwhile. */
export class GobReader {
  readonly #octets: Uint8Array;
  readonly #end: number;
  #offset: number;
  #fault: GobFault = GobFault.NONE;

  /** @param end Offset behind the last octet to read. */
  constructor(octets: Uint8Array, begin = 0, end = octets.length) {
    this.#octets = octets;
    this.#offset = begin;
    this.#end = end;
  }

  /** The first thing that was wrong, or `NONE`. */
  get fault(): GobFault {
    return this.#fault;
  }

  /** Octets not yet read; 0 after a fault. */
  get remaining(): number {
    return this.#fault === GobFault.NONE ? this.#end - this.#offset : 0;
  }

  /** Ends reading with a fault, unless there is one already. @returns 0, to stand for what wasn't read. */
  fail(fault: GobFault): 0 {
    if (this.#fault === GobFault.NONE) this.#fault = fault;
    return 0;
  }

  /** Reads an unsigned integer, 0 to 2^53 − 1. */
  readUnsigned(): number {
    const length = this.#passNumber();
    if (length === 0) return 0;
    const value = readUnsigned(this.#octets, this.#offset - length, length);
    return value <= Number.MAX_SAFE_INTEGER ? value : this.fail(GobFault.NUMBER_RANGE);
  }

  /** Reads a signed integer, −2^52 to 2^52 − 1. */
  readSigned(): number {
    return unfoldSign(this.readUnsigned());
  }

  /** Reads a float; infinities and NaN as well. */
  readFloat(): number {
    const length = this.#passNumber();
    return length === 0 ? 0 : readFloat(this.#octets, this.#offset - length, length);
  }

  /** Passes over a number of any kind, up to 64 bits. */
  skipNumber(): void {
    this.#passNumber();
  }

  /**
   * Reads a count of octets or elements that follow.
   *
   * No element takes less than one octet, so a count beyond what remains is a fault at once, before anyone makes room.
   */
  readCount(): number {
    const count = this.readUnsigned();
    return count <= this.remaining ? count : this.fail(GobFault.TRUNCATED);
  }

  /** Reads octets that follow their count, as a copy. @param limit Most octets; a longer count is `OVERSIZED`. */
  readOctets(limit: number): Uint8Array {
    const begin = this.#passOctets(limit);
    return this.#octets.slice(begin, this.#offset);
  }

  /** Reads a string. @param limit Most octets in UTF-8; a longer count is `OVERSIZED`. */
  readString(limit: number): string {
    const begin = this.#passOctets(limit);
    return utf8.decode(this.#octets.subarray(begin, this.#offset));
  }

  /** Passes over octets that follow their count. @returns How many they were. */
  skipOctets(): number {
    return this.#offset - this.#passOctets(Infinity);
  }

  /** Reads a message: octets that follow their count, as a reader of their own that sees nothing else. */
  readMessage(): GobReader {
    const begin = this.#passOctets(Infinity);
    return new GobReader(this.#octets, begin, this.#offset);
  }

  /** Passes over a number. @returns Its length, or 0 after a fault. */
  #passNumber(): number {
    if (this.remaining === 0) return this.fail(GobFault.TRUNCATED);
    const length = numberLength(this.#octets[this.#offset]);
    if (length === 0) return this.fail(GobFault.NUMBER_MALFORMED);
    if (length > this.remaining) return this.fail(GobFault.TRUNCATED);
    this.#offset += length;
    return length;
  }

  /** Passes over octets that follow their count. @returns Where they begin; they end at the new offset. */
  #passOctets(limit: number): number {
    const count = this.readCount();
    const begin = this.#offset;
    if (count > limit) this.fail(GobFault.OVERSIZED);
    else this.#offset += count;
    return begin;
  }
}
