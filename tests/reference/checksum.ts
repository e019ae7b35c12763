/**
 * The Internet checksum as RFC 1071 §1 tells it, one word at a time: the twin of `src/wire/checksum.ts`.
 *
 * @module
 */

/** Returns the one's complement sum of big-endian words, an odd last octet followed by a zero octet. */
export function slowSum(octets: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < octets.length; i += 2) {
    sum += octets[i] * 256 + (octets[i + 1] ?? 0);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

/** Returns the checksum of several regions, one after another, as if they were one. */
export function slowChecksum(...regions: Uint8Array[]): number {
  return 0xffff - slowSum(concat(...regions));
}

/** Joins octets. */
export function concat(...regions: Uint8Array[]): Uint8Array {
  return Uint8Array.from(regions.flatMap((region) => Array.from(region)));
}
