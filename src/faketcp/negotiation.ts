/**
 * What the SYNs of both sides settle, written into the row of a connection.
 *
 * An option is in force only if both sides sent it, and nothing is required that the peer didn't offer. The order is
 * {@linkcode beginRow}, then {@linkcode applySyn} when the peer's SYN is there; until the owner stores `state`, no lane looks.
 *
 * @module
 */

import { type RandomSource } from "../base/random.ts";
import { IPV4_MIN_HEADER_LEN } from "../wire/ipv4.ts";
import { IPV6_HEADER_LEN } from "../wire/ipv6.ts";
import { TCP_MIN_HEADER_LEN } from "../wire/tcp.ts";
import { ConnectionFlag, type ConnectionTable, REMOTE_WORDS } from "./connection_table.ts";
import { MSS_MIN, WINDOW_UNSCALED_MAX } from "./constants.ts";
import { type Fingerprint } from "./fingerprint.ts";
import { SynOption, TIMESTAMPS_LEN } from "./packet.ts";
import { type SegmentInfo } from "./segment_reader.ts";
import { sipHash24 } from "./sip_hash.ts";

/** Ticks of the clock that drives initial sequence numbers: 4 µs each (RFC 6528 §3). */
const ISS_TICKS_PER_MS = 250;

/** What a hash of a tuple is for: two secrets of one connection must not tell of each other. */
const HashUse = { ISS: 1, TIMESTAMPS: 2 } as const;

/** Returns the MSS that belongs to an MTU: options don't count (RFC 6691 §2). */
export function mssOfMtu(family: number, mtu: number): number {
  const ipHeaderLen = family === 4 ? IPV4_MIN_HEADER_LEN : IPV6_HEADER_LEN;
  return Math.max(mtu - ipHeaderLen - TCP_MIN_HEADER_LEN, MSS_MIN);
}

/** Returns how long a datagram may be in segments of an MSS. */
export function datagramLenOfMss(mss: number, hasTimestamps: boolean): number {
  return Math.max(mss, MSS_MIN) - (hasTimestamps ? TIMESTAMPS_LEN : 0);
}

/**
 * Returns an initial sequence number that nobody else can guess, and that is later than the last one of the same tuple
 * (RFC 6528 §3).
 *
 * @param row Its remote side is written.
 */
export function chooseIss(table: ConnectionTable, row: number, nowMs: number): number {
  return (hashTuple(table, row, HashUse.ISS) + nowMs * ISS_TICKS_PER_MS) >>> 0;
}

function hashTuple(table: ConnectionTable, row: number, use: number): number {
  const tuple = table.remote.slice(row * REMOTE_WORDS, (row + 1) * REMOTE_WORDS);
  // The scope: always 0 here.
  tuple[6] = use;
  return sipHash24(table.cookieKey, tuple);
}

/** Writes our side of a connection that nothing is known of yet. The row's remote side stands already. */
export function beginRow(
  table: ConnectionTable,
  row: number,
  iss: number,
  mss: number,
  random: RandomSource,
  nowMs: number,
): void {
  table.iss[row] = iss;
  table.irs[row] = 0;
  Atomics.store(table.flags, row, 0);
  table.sndScale[row] = 0;
  table.rcvScale[row] = 0;
  table.rcvWnd[row] = WINDOW_UNSCALED_MAX;
  // The same for each connection of a tuple, so that a peer in TIME-WAIT takes a new SYN for newer (RFC 7323 §5.4).
  table.tsOffset[row] = hashTuple(table, row, HashUse.TIMESTAMPS);
  table.tsRecent[row] = 0;
  Atomics.store(table.identification, row, random.uint32());
  Atomics.store(table.maxDatagramLen, row, mss);
  Atomics.store(table.sndLag, row, 0);
  // Our SYN takes one number.
  Atomics.store(table.sndNxt, row, (iss + 1) >>> 0);
  Atomics.store(table.sndUna, row, iss);
  Atomics.store(table.rcvNxt, row, 0);
  Atomics.store(table.ackSent, row, 0);
  table.sndWnd[row] = 0;
  table.lastReceivedMs[row] = nowMs;
  table.lastAckedMs[row] = nowMs;
  table.lastSentMs[row] = nowMs;
}

/**
 * Writes what the peer's SYN, or SYN-ACK, says.
 *
 * @param fingerprint Ours: what it doesn't have isn't used.
 * @param mss Our own MSS, the limit for a peer that states none.
 * @returns The options in force, bits of {@linkcode SynOption}: what a SYN-ACK of ours bears.
 */
export function applySyn(
  table: ConnectionTable,
  row: number,
  syn: SegmentInfo,
  fingerprint: Fingerprint,
  mss: number,
): number {
  const options = fingerprint.synOptions & (SynOption.MSS | offeredOptions(syn));
  const hasTimestamps = (options & SynOption.TIMESTAMPS) !== 0;
  const hasWindowScale = (options & SynOption.WINDOW_SCALE) !== 0;
  const rcvNxt = (syn.seq + 1) >>> 0;
  table.irs[row] = syn.seq;
  Atomics.store(table.rcvNxt, row, rcvNxt);
  Atomics.store(table.ackSent, row, rcvNxt);
  Atomics.store(
    table.flags,
    row,
    (hasTimestamps ? ConnectionFlag.TIMESTAMPS : 0) | (hasWindowScale ? ConnectionFlag.WINDOW_SCALE : 0),
  );
  table.sndScale[row] = hasWindowScale ? syn.windowScale : 0;
  table.rcvScale[row] = hasWindowScale ? fingerprint.windowScale : 0;
  table.rcvWnd[row] = hasWindowScale ? fingerprint.rcvWnd : WINDOW_UNSCALED_MAX;
  table.sndWnd[row] = syn.window;
  table.tsRecent[row] = hasTimestamps ? syn.tsVal : 0;
  const peerMss = syn.mss === 0 ? mss : syn.mss;
  Atomics.store(table.maxDatagramLen, row, datagramLenOfMss(Math.min(mss, peerMss), hasTimestamps));
  return options;
}

function offeredOptions(syn: SegmentInfo): number {
  return (syn.sackPermitted ? SynOption.SACK_PERMITTED : 0) | (syn.hasTimestamps ? SynOption.TIMESTAMPS : 0) |
    (syn.windowScale >= 0 ? SynOption.WINDOW_SCALE : 0);
}
