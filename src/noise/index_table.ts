/**
 * Local indices: the 32-bit names by which peers address our sessions.
 *
 * An index carries the row of its session in its low bits and randomness in the rest, so that a datagram's session is found
 * with a mask instead of a map, by every lane and without a lock.
 *
 * Why that is enough:
 * - *Unique.* A row holds one session or one handshake in progress, so two indices in use differ in their low bits.
 * - *Not confused with an earlier one.* When a row is used again its high bits are drawn again. Whoever looks an index up
 *   compares all 32 bits with the one stored for the row; a late datagram for the row's former session then finds nothing,
 *   but for one chance in 2^(32 − rowBits), and even then its tag fails.
 * - *Not a secret.* WireGuard's indices travel in the clear and authenticate nothing. Guessing one lets a stranger make us
 *   try one tag.
 *
 * What it leaks: an observer of several of our sessions sees which rows they use, hence about how many peers there are at
 * least, and that a row was used again. It sees as much from addresses and times.
 *
 * 0 is never handed out, because it stands for "none" in tables.
 *
 * @module
 */

/**
 * Makes an index for a session row.
 *
 * @param row 0 to 2^rowBits − 1.
 * @param rowBits Bits that name a row, 1 to 24: at least 8 remain random.
 * @param random32 32 random bits, drawn anew for each index.
 * @returns A 32-bit index, not 0.
 */
export function makeIndex(row: number, rowBits: number, random32: number): number {
  const index = ((random32 << rowBits) | row) >>> 0;
  return index !== 0 ? index : (1 << rowBits) >>> 0;
}

/** Returns the row that an index names. Whether the row's session has this very index, the caller checks. */
export function rowOfIndex(index: number, rowBits: number): number {
  return index & ((1 << rowBits) - 1);
}
