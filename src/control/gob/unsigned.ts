/**
 * Gob's numbers. All are made of one form, the unsigned integer:
 *
 * - below 128: one octet;
 * - else: an octet 256 − k, and the value in k octets, big-endian, 1 ≤ k ≤ 8. Writers use the least k, readers take any.
 *
 * A *signed* integer is folded into an unsigned one: 0, −1, 1, −2, 2 … become 0, 1, 2, 3, 4 …
 *
 * A *float* is its IEEE 754 double with the octets in reverse order, taken as an unsigned integer. So the octets behind the
 * first one are those of the little-endian double without the leading zeros, and round numbers are short.
 *
 * Source: package documentation of Go's `encoding/gob`, "Encoding Details"; `wire.md` §5.1.
 *
 * @module
 */

/** Octets of the longest number: 64 bits behind a first octet. */
export const MAX_NUMBER_LEN = 9;

/** First value that doesn't fit into one octet. */
const MULTI_OCTET = 0x80;
const FLOAT_LEN = 8;

const scratch = new DataView(new ArrayBuffer(FLOAT_LEN));

/**
 * Tells from its first octet how long a number is.
 *
 * @returns Octets, the first one included; 0 if no number begins so.
 */
export function numberLength(first: number): number {
  if (first < MULTI_OCTET) return 1;
  const length = 0x101 - first;
  return length <= MAX_NUMBER_LEN ? length : 0;
}

/**
 * Reads an unsigned integer.
 *
 * @param length Of the number, from {@linkcode numberLength}; `octets` must hold them.
 * @returns The value, exact up to 2^53 − 1; greater ones are greater than that, but rounded.
 */
export function readUnsigned(octets: Uint8Array, offset: number, length: number): number {
  if (length === 1) return octets[offset];
  let value = 0;
  for (let index = 1; index < length; index++) value = value * 0x100 + octets[offset + index];
  return value;
}

/** Returns how many octets {@linkcode writeUnsigned} writes. */
export function unsignedLength(value: number): number {
  if (value < MULTI_OCTET) return 1;
  let length = 1;
  for (let rest = value; rest >= 1; rest = Math.floor(rest / 0x100)) length++;
  return length;
}

/**
 * Writes an unsigned integer in its shortest form.
 *
 * @param octets Buffer with at least {@linkcode unsignedLength} octets from `offset` on.
 * @param value An integer from 0 to 2^53 − 1.
 * @returns Octets written.
 */
export function writeUnsigned(octets: Uint8Array, offset: number, value: number): number {
  const length = unsignedLength(value);
  if (length === 1) {
    octets[offset] = value;
    return length;
  }
  octets[offset] = 0x101 - length;
  let rest = value;
  for (let index = length - 1; index > 0; index--) {
    octets[offset + index] = rest % 0x100;
    rest = Math.floor(rest / 0x100);
  }
  return length;
}

/** Folds a signed integer into an unsigned one: the sign becomes the lowest bit. @param value From −2^52 to 2^52 − 1. */
export function foldSign(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value;
}

/** Undoes {@linkcode foldSign}. */
export function unfoldSign(folded: number): number {
  return folded % 2 === 0 ? folded / 2 : -(folded + 1) / 2;
}

/**
 * Reads a float.
 *
 * @param length Of the number, from {@linkcode numberLength}; `octets` must hold them.
 */
export function readFloat(octets: Uint8Array, offset: number, length: number): number {
  const begin = length === 1 ? 0 : 1;
  scratch.setFloat64(0, 0);
  for (let index = begin; index < length; index++) {
    scratch.setUint8(FLOAT_LEN - length + index, octets[offset + index]);
  }
  return scratch.getFloat64(0, true);
}

/**
 * Writes a float in its shortest form.
 *
 * @param octets Buffer with at least {@linkcode MAX_NUMBER_LEN} octets from `offset` on.
 * @returns Octets written.
 */
export function writeFloat(octets: Uint8Array, offset: number, value: number): number {
  scratch.setFloat64(0, value, true);
  let begin = 0;
  while (begin < FLOAT_LEN - 1 && scratch.getUint8(begin) === 0) begin++;
  const first = scratch.getUint8(begin);
  if (begin === FLOAT_LEN - 1 && first < MULTI_OCTET) {
    octets[offset] = first;
    return 1;
  }
  const length = FLOAT_LEN - begin;
  octets[offset] = 0x100 - length;
  for (let index = 0; index < length; index++) octets[offset + 1 + index] = scratch.getUint8(begin + index);
  return 1 + length;
}
