// No allocation per packet in this file.
/**
 * Arithmetic of 32-bit sequence numbers, which wrap around (RFC 9293 §3.4).
 *
 * Every number here is an unsigned 32-bit integer. Two numbers are compared by the shorter way around the circle, so an
 * order exists only between numbers less than 2^31 apart.
 *
 * @module
 */

/** Returns the sequence number `count` octets after `seq`; `count` may be negative. */
export function seqAdd(seq: number, count: number): number {
  return (seq + count) >>> 0;
}

/** Returns how far `seq` lies after `base`, −2^31 to 2^31 − 1; negative if it lies before. */
export function seqDistance(seq: number, base: number): number {
  return (seq - base) | 0;
}

/** Tells whether `seq` lies before `other`. */
export function seqBefore(seq: number, other: number): boolean {
  return seqDistance(seq, other) < 0;
}

/** Tells whether `seq` lies after `other`. */
export function seqAfter(seq: number, other: number): boolean {
  return seqDistance(seq, other) > 0;
}

/**
 * Tells whether `seq` is one of the `length` numbers that begin with `start`: `start ≤ seq < start + length`.
 *
 * @param length Size of the window, 0 (which contains nothing) to 2^32 − 1.
 */
export function seqInWindow(seq: number, start: number, length: number): boolean {
  return ((seq - start) >>> 0) < length;
}
