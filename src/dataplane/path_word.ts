// No allocation per packet in this file.
/**
 * Which paths to a peer are in use, as one word of the column `peerPath`.
 *
 * | bits | meaning |
 * | --- | --- |
 * | 0–3 | the current path's kind + 1; 0: the peer has no path |
 * | 4–7 | set of kinds on which everything is mirrored now |
 * | 8–11 | set of kinds on which everything is mirrored while the current path is unconfirmed |
 *
 * A set has the bit 1 « kind. The control thread decides; but that the current path isn't confirmed any more, the lanes see
 * by the clock, so that mirroring begins in time even while the control thread is busy.
 *
 * @module
 */

import { PATH_KIND_COUNT } from "../base/path_kind.ts";
import { type Tables } from "./tables.ts";

/** Every kind. */
const ALL_KINDS = (1 << PATH_KIND_COUNT) - 1;
const MIRRORED = 4;
const STANDBY = 8;

/** Makes a word. @param current A kind, or −1 for none. */
export function pathWord(current: number, mirrored: number, standby: number): number {
  return current < 0 ? 0 : (current + 1) | (mirrored << MIRRORED) | (standby << STANDBY);
}

/** Returns the kind of the current path, or −1. */
export function currentPath(word: number): number {
  return (word & 0xf) - 1;
}

/** Returns the set of kinds that stand by. */
export function standbyMask(word: number): number {
  return (word >> STANDBY) & ALL_KINDS;
}

/** Returns the set of kinds that a datagram to a peer goes out on now; 0 if the peer has no path. */
export function pathsInUse(tables: Tables, peerRow: number, nowMs: number): number {
  const word = Atomics.load(tables.peerPath, peerRow);
  if (word === 0) return 0;
  const mask = (1 << currentPath(word)) | (word >> MIRRORED);
  return (nowMs <= tables.peerConfirmedUntilMs[peerRow] ? mask : mask | (word >> STANDBY)) & ALL_KINDS;
}
