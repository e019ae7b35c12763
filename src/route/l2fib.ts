// No allocation per packet in this file.
/**
 * Which node an Ethernet address lives behind: a fixed table that lanes read without a lock.
 *
 * The table is a region of 32-bit words, four an entry, eight entries a bucket; a keyed hash of the address names the
 * bucket. Where a bucket is full, the entry that was idle longest gives way, so that memory never grows.
 *
 * | word | content |
 * | --- | --- |
 * | 0 | octets 0–3 of the address |
 * | 1 | octets 4–5 of the address, then the NodeId |
 * | 2 | when it was last seen, in seconds; 0: the entry is empty |
 * | 3 | version: counts replacements, and is odd during one |
 *
 * How one writer and many readers meet. {@linkcode l2fibLearn}, {@linkcode l2fibSweep} and {@linkcode l2fibPurgeNode} run
 * under the caller's lock. A writer that gives an entry to another address makes its version odd, clears word 2, stores words 0
 * and 1, then word 2, and makes the version even (a sequence lock). A reader takes what it read only if the version is even, and
 * the same before and after; otherwise the address is unknown at that moment. A node that moved changes word 1 only, in one
 * store. {@linkcode l2fibRefresh} needs no lock: it exchanges word 2 only if that still holds the time it read, so it can't revive
 * an entry that is being replaced.
 *
 * @module
 */

import type { NodeId } from "../base/node_id.ts";

/** Words of an entry. */
export const L2FIB_ENTRY_WORDS = 4;
const ENTRY_WORDS = L2FIB_ENTRY_WORDS;
const BUCKET_ENTRIES = 8;
const BUCKET_WORDS = BUCKET_ENTRIES * ENTRY_WORDS;

/**
 * Finds the node behind an address. Takes no lock; allocates nothing.
 *
 * @param words The region, `entries` × {@linkcode L2FIB_ENTRY_WORDS} words.
 * @param entries A power of two, at least 8.
 * @param seed Random, the same for every call; keeps neighbours from filling one bucket on purpose.
 * @param macHigh Octets 0–3 of the address as one number, first octet highest.
 * @param macLow Octets 4–5 of the address, 0 to 65535.
 * @returns The NodeId, or −1 if the address is unknown. Age isn't looked at.
 */
export function l2fibLookup(
  words: Int32Array,
  entries: number,
  seed: number,
  macHigh: number,
  macLow: number,
): NodeId | -1 {
  return find(words, bucketAt(entries, seed, macHigh, macLow), macHigh | 0, macLow) < 0 ? -1 : foundNode;
}

/**
 * Notes that a known address was seen, if the table says the same. Takes no lock; allocates nothing.
 *
 * @param nowSeconds Of any clock that never steps back, from 1.
 * @returns Whether the address is known at that node. If not, take the lock and call {@linkcode l2fibLearn}.
 */
export function l2fibRefresh(
  words: Int32Array,
  entries: number,
  seed: number,
  macHigh: number,
  macLow: number,
  nodeId: NodeId,
  nowSeconds: number,
): boolean {
  const at = find(words, bucketAt(entries, seed, macHigh, macLow), macHigh | 0, macLow);
  if (at < 0 || foundNode !== nodeId) return false;
  if (foundSeen !== nowSeconds) Atomics.compareExchange(words, at + 2, foundSeen, nowSeconds);
  return true;
}

/**
 * Enters an address, or moves it to another node. The caller holds the lock; allocates nothing.
 *
 * @param nowSeconds Of any clock that never steps back, from 1.
 * @returns Whether the table changed by more than the time.
 */
export function l2fibLearn(
  words: Int32Array,
  entries: number,
  seed: number,
  macHigh: number,
  macLow: number,
  nodeId: NodeId,
  nowSeconds: number,
): boolean {
  const bucket = bucketAt(entries, seed, macHigh, macLow);
  const lowAndNode = (macLow << 16) | nodeId;
  const known = find(words, bucket, macHigh | 0, macLow);
  if (known >= 0) {
    const moved = Atomics.exchange(words, known + 1, lowAndNode) !== lowAndNode;
    Atomics.store(words, known + 2, nowSeconds);
    return moved;
  }
  const at = oldestIn(words, bucket);
  Atomics.add(words, at + 3, 1);
  Atomics.store(words, at + 2, 0);
  Atomics.store(words, at, macHigh | 0);
  Atomics.store(words, at + 1, lowAndNode);
  Atomics.store(words, at + 2, nowSeconds);
  Atomics.add(words, at + 3, 1);
  return true;
}

/**
 * Empties the entries that weren't seen since a time. The caller holds the lock.
 *
 * @param before In seconds: an entry last seen earlier is removed.
 * @returns How many were removed.
 */
export function l2fibSweep(words: Int32Array, entries: number, before: number): number {
  let removed = 0;
  for (let at = 2; at < entries * ENTRY_WORDS; at += ENTRY_WORDS) {
    if (words[at] === 0 || words[at] >= before) continue;
    Atomics.store(words, at, 0);
    removed++;
  }
  return removed;
}

/**
 * Empties the entries of a node that is gone. The caller holds the lock.
 *
 * @returns How many were removed.
 */
export function l2fibPurgeNode(words: Int32Array, entries: number, nodeId: NodeId): number {
  let removed = 0;
  for (let at = 0; at < entries * ENTRY_WORDS; at += ENTRY_WORDS) {
    if (words[at + 2] === 0 || (words[at + 1] & 0xffff) !== nodeId) continue;
    Atomics.store(words, at + 2, 0);
    removed++;
  }
  return removed;
}

/** Node and time of the entry that {@linkcode find} found last: a second and third result without an allocation. */
let foundNode = -1;
let foundSeen = 0;

/** Returns the first word of the entry that holds an address, or −1. */
function find(words: Int32Array, bucket: number, high: number, macLow: number): number {
  for (let at = bucket; at < bucket + BUCKET_WORDS; at += ENTRY_WORDS) {
    // Most entries hold another address: that needs no version to be seen.
    if (Atomics.load(words, at + 1) >>> 16 !== macLow) continue;
    const version = Atomics.load(words, at + 3);
    const lowAndNode = Atomics.load(words, at + 1);
    if (lowAndNode >>> 16 !== macLow || Atomics.load(words, at) !== high) continue;
    const seen = Atomics.load(words, at + 2);
    if (seen === 0 || (version & 1) !== 0 || Atomics.load(words, at + 3) !== version) continue;
    foundNode = lowAndNode & 0xffff;
    foundSeen = seen;
    return at;
  }
  return -1;
}

/** Returns the first word of the entry of a bucket that is empty, or else idle for the longest time. */
function oldestIn(words: Int32Array, bucket: number): number {
  let oldest = bucket;
  for (let at = bucket; at < bucket + BUCKET_WORDS; at += ENTRY_WORDS) {
    if (words[at + 2] < words[oldest + 2]) oldest = at;
  }
  return oldest;
}

/** Returns the first word of the bucket of an address. The mixing steps are those of MurmurHash3's finalizer. */
function bucketAt(entries: number, seed: number, macHigh: number, macLow: number): number {
  let hash = Math.imul(macHigh ^ seed, 0x9e3779b1);
  hash = Math.imul(hash ^ (hash >>> 15) ^ macLow, 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13) ^ seed, 0xc2b2ae35);
  hash ^= hash >>> 16;
  return (hash & (entries / BUCKET_ENTRIES - 1)) * BUCKET_WORDS;
}
