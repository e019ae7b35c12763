/**
 * TAI64N: the timestamp in an initiation that keeps an old one from being replayed.
 *
 * | octets | field |
 * | --- | --- |
 * | 0–7 | seconds, big-endian: 2^62 + 10 + Unix time |
 * | 8–11 | nanoseconds, big-endian, with the lower 24 bits cleared |
 *
 * A recipient compares two of them only with each other, octet by octet, and never with its own clock: the values need not
 * be right, they need to grow. The lower bits are cleared so that the fine time of our clock isn't published, which
 * leaves steps of 16.8 ms; initiations are further apart.
 *
 * Source: D. J. Bernstein, "TAI64, TAI64N, and TAI64NA"; `wire.md` §2.6; wireguard-go, `tai64n/tai64n.go`.
 *
 * @module
 */

/** Length of a timestamp in octets. */
export const TAI64N_LEN = 12;

/** Upper half of 2^62, where TAI64 puts the year 1970. */
const EPOCH_HIGH = 0x40000000;
/** Seconds by which TAI was ahead of Unix time in 1970; later leap seconds are left out, as everywhere in WireGuard. */
const EPOCH_OFFSET_S = 10;
/** Nanoseconds between two timestamps that differ. */
const GRANULE_NS = 2 ** 24;
const NS_PER_S = 1_000_000_000;
const NS_PER_MS = 1_000_000;

/**
 * Writes the timestamp of a moment.
 *
 * @param target Buffer with at least {@linkcode TAI64N_LEN} octets from `offset` on.
 * @param wallClockMs Milliseconds since 1970, not negative; fractions count.
 */
export function encodeTai64n(target: Uint8Array, offset: number, wallClockMs: number): void {
  const seconds = Math.floor(wallClockMs / 1000);
  const nanoseconds = Math.floor((wallClockMs - seconds * 1000) * NS_PER_MS);
  writeFields(target, offset, seconds + EPOCH_OFFSET_S, nanoseconds - nanoseconds % GRANULE_NS);
}

/**
 * Compares two timestamps.
 *
 * @returns Negative if `a` is older, 0 if they are equal, positive if `a` is newer.
 */
export function compareTai64n(a: Uint8Array, b: Uint8Array): number {
  for (let index = 0; index < TAI64N_LEN; index++) {
    if (a[index] !== b[index]) return a[index] - b[index];
  }
  return 0;
}

/**
 * Returns a timestamp greater than the previous one, even if the clock stood still or was set back.
 *
 * Normally it is the clock's. Otherwise it is the previous one plus a step of 16.8 ms, until the clock has caught up: a
 * peer would drop anything that isn't newer, and the user would wait as long as the clock was set back. Nothing is stored
 * across a restart; a node started with a clock behind its last run must wait, as in WireGuard.
 *
 * @param previous The last timestamp returned, or `undefined` at first.
 * @param wallClockMs Milliseconds since 1970.
 * @returns A new array of {@linkcode TAI64N_LEN} octets.
 */
export function nextTimestamp(previous: Uint8Array | undefined, wallClockMs: number): Uint8Array {
  const next = new Uint8Array(TAI64N_LEN);
  encodeTai64n(next, 0, wallClockMs);
  if (previous !== undefined && compareTai64n(next, previous) <= 0) writeSuccessor(next, previous);
  return next;
}

function writeSuccessor(target: Uint8Array, previous: Uint8Array): void {
  const view = new DataView(previous.buffer, previous.byteOffset, TAI64N_LEN);
  const seconds = (view.getUint32(0) - EPOCH_HIGH) * 2 ** 32 + view.getUint32(4);
  const nanoseconds = view.getUint32(8) + GRANULE_NS;
  if (nanoseconds < NS_PER_S) writeFields(target, 0, seconds, nanoseconds);
  else writeFields(target, 0, seconds + 1, 0);
}

/** @param seconds Without 2^62. */
function writeFields(target: Uint8Array, offset: number, seconds: number, nanoseconds: number): void {
  const view = new DataView(target.buffer, target.byteOffset + offset, TAI64N_LEN);
  view.setUint32(0, EPOCH_HIGH + Math.floor(seconds / 2 ** 32));
  view.setUint32(4, seconds);
  view.setUint32(8, nanoseconds);
}
