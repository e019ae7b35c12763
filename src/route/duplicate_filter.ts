// No allocation per packet in this file.
/**
 * Lets a spread message through once, whatever number of ways it comes.
 *
 * A message is known by the CRC-32C of its body, its inner source and its type. Unlike in the reference node the source
 * and the type belong to the key, own messages are entered when they are sent, and a repeat doesn't prolong the time:
 * a message that is repeated steadily gets through once per lifetime instead of never. Sources: `wire.md` §4.4,
 * `behaviour.md` §1.6.
 *
 * The table is a region of 32-bit words, three an entry, eight entries a bucket. Where a bucket is full, the oldest entry
 * gives way; a copy of that message may then pass a second time, and its TTL bounds it. All functions that take the region
 * run under the caller's lock.
 *
 * | word | content |
 * | --- | --- |
 * | 0 | CRC-32C of the body |
 * | 1 | inner source << 16, type; 0: the entry is empty |
 * | 2 | when it was entered, in milliseconds modulo 2^32 |
 *
 * @module
 */

import type { NodeId } from "../base/node_id.ts";

/** Words of one entry. */
export const DUPLICATE_ENTRY_WORDS = 3;
const BUCKET_ENTRIES = 8;
const BUCKET_WORDS = BUCKET_ENTRIES * DUPLICATE_ENTRY_WORDS;

/** Reversed generator polynomial, RFC 3385 §3. */
const CRC32C_POLYNOMIAL = 0x82f63b78;
const CRC32C_TABLE = Int32Array.from({ length: 256 }, (_, octet) => {
  let remainder = octet;
  for (let bit = 0; bit < 8; bit++) remainder = (remainder >>> 1) ^ (remainder & 1 ? CRC32C_POLYNOMIAL : 0);
  return remainder;
});

/** Returns the CRC-32C (Castagnoli, RFC 3720 §12.1) of `length` octets, as an unsigned number. Allocates nothing. */
export function crc32c(octets: Uint8Array, offset: number, length: number): number {
  let remainder = -1;
  for (let at = offset; at < offset + length; at++) {
    remainder = CRC32C_TABLE[(remainder ^ octets[at]) & 0xff] ^ (remainder >>> 8);
  }
  return ~remainder >>> 0;
}

/**
 * Enters a message, and tells whether it was there already. Allocates nothing.
 *
 * @param words The region, `entries` × {@linkcode DUPLICATE_ENTRY_WORDS} words.
 * @param entries A power of two, at least 8.
 * @param crc {@linkcode crc32c} of the body: what follows the inner header, padding included.
 * @param source Inner source.
 * @param type One of the transport types of the message table, 1 to 255.
 * @param timeoutMs How long a message is remembered, below 2^31; 0 or less switches the filter off.
 */
export function isDuplicate(
  words: Int32Array,
  entries: number,
  crc: number,
  source: NodeId,
  type: number,
  nowMs: number,
  timeoutMs: number,
): boolean {
  if (timeoutMs <= 0) return false;
  const sourceAndType = (source << 16) | type;
  const now = truncate(nowMs);
  const bucket = bucketAt(entries, crc, sourceAndType);
  let victim = bucket;
  let victimAge = -1;
  for (let at = bucket; at < bucket + BUCKET_WORDS; at += DUPLICATE_ENTRY_WORDS) {
    const age = words[at + 1] === 0 ? Infinity : (now - words[at + 2]) >>> 0;
    if (age < timeoutMs && words[at] === (crc | 0) && words[at + 1] === sourceAndType) return true;
    if (age > victimAge) {
      victim = at;
      victimAge = age;
    }
  }
  words[victim] = crc | 0;
  words[victim + 1] = sourceAndType;
  words[victim + 2] = now;
  return false;
}

/** Milliseconds modulo 2^32. */
function truncate(ms: number): number {
  return Math.floor(ms % 0x100000000) | 0;
}

function bucketAt(entries: number, crc: number, sourceAndType: number): number {
  let hash = Math.imul(crc ^ sourceAndType, 0x85ebca6b);
  hash ^= hash >>> 15;
  return (hash & (entries / BUCKET_ENTRIES - 1)) * BUCKET_WORDS;
}
