/**
 * Go's time value: what `time.Time` puts into a gob as octets of its own.
 *
 * | octets | field |
 * | --- | --- |
 * | 0 | version, 1 or 2 |
 * | 1–8 | seconds since 0001-01-01T00:00:00Z, signed, big-endian |
 * | 9–12 | nanoseconds, big-endian |
 * | 13–14 | the clock's zone, minutes east of Greenwich, signed, big-endian; −1 for UTC itself |
 * | 15 | version 2: further seconds of the zone |
 *
 * The zone tells how the sender shows the time and not which time it is: it is never looked at, and ours is always UTC.
 * The zero time, 0001-01-01T00:00:00Z, is the absent value: no octets.
 *
 * Source: Go, `time/time.go`, MarshalBinary; `wire.md` §5.2.
 *
 * @module
 */

/** The zero time, in milliseconds since 1970. */
export const ZERO_TIME_MS = -62_135_596_800_000;

const VERSION_1_LEN = 15;
const VERSION_2_LEN = 16;
const SECONDS = 1;
const NANOSECONDS = 9;
const ZONE = 13;
const ZONE_UTC = -1;

const NS_PER_S = 1_000_000_000;
const NS_PER_MS = 1_000_000;

/**
 * Reads an instant.
 *
 * @param octets The whole value; empty for the zero time.
 * @returns The instant in milliseconds since 1970, a fraction with the precision of a double: today a quarter of a
 * microsecond. Or `undefined` if it is malformed or too far away for milliseconds to be exact.
 */
export function readTime(octets: Uint8Array): number | undefined {
  if (octets.length === 0) return ZERO_TIME_MS;
  if (octets.length !== VERSION_1_LEN && octets.length !== VERSION_2_LEN) return undefined;
  const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
  if (view.getUint8(0) !== octets.length - VERSION_1_LEN + 1) return undefined;
  const wholeMs = Number(view.getBigInt64(SECONDS)) * 1000 + ZERO_TIME_MS;
  const nanoseconds = view.getInt32(NANOSECONDS);
  if (!Number.isSafeInteger(wholeMs) || nanoseconds < 0 || nanoseconds >= NS_PER_S) return undefined;
  return wholeMs + nanoseconds / NS_PER_MS;
}

/**
 * Writes an instant, version 1, zone UTC.
 *
 * @param wallClockMs Milliseconds since 1970; fractions count.
 * @returns A new buffer of 15 octets, or of none for the zero time.
 * @throws {RangeError} If milliseconds aren't exact so far away.
 */
export function writeTime(wallClockMs: number): Uint8Array {
  if (wallClockMs === ZERO_TIME_MS) return new Uint8Array(0);
  const sinceYear1Ms = Math.floor(wallClockMs) - ZERO_TIME_MS;
  if (!Number.isSafeInteger(sinceYear1Ms)) {
    throw new RangeError(`Cannot encode the time ${wallClockMs} ms: too far away`);
  }
  const seconds = Math.floor(sinceYear1Ms / 1000);
  const milliseconds = sinceYear1Ms - seconds * 1000 + (wallClockMs - Math.floor(wallClockMs));
  const octets = new Uint8Array(VERSION_1_LEN);
  const view = new DataView(octets.buffer);
  view.setUint8(0, 1);
  view.setBigInt64(SECONDS, BigInt(seconds));
  // Rounded down, as a clock shows it: the last nanosecond must not become the next second.
  view.setInt32(NANOSECONDS, Math.floor(milliseconds * NS_PER_MS));
  view.setInt16(ZONE, ZONE_UTC);
  return octets;
}
