// No allocation per packet in this file.
/**
 * Which segments belong to a connection: what an outsider who knows addresses and ports can't guess.
 *
 * A datagram is authenticated later, by its own tag. But the state of the connection would already have moved, and with it what we
 * acknowledge; so a forged segment must not get that far. It would have to hit the sequence number and the acknowledgment
 * number within a window (RFC 9293 §3.10.7.4, RFC 5961 §5) and, where both sides have timestamps, echo one of ours that is
 * not too old: with windows of 8 MB that is one segment in 10^8.
 *
 * What a host does for the sake of order, we don't: datagrams may be late, swapped or doubled, so whatever lies within a window
 * of what is expected is accepted.
 *
 * @module
 */

import { seqDistance } from "../wire/sequence.ts";
import { ConnectionFlag, type ConnectionTable } from "./connection_table.ts";
import { timestampAt } from "./packet.ts";
import { type SegmentInfo } from "./segment_reader.ts";

/**
 * How far a sequence number may lie from the one expected, in octets. Not the window that we offer: peers that don't scale
 * theirs don't keep to ours either.
 */
export const ACCEPTANCE_WINDOW = 8 << 20;
/** How far back an acknowledgment number may lie: late by as much as may be under way. */
const ACK_WINDOW = 2 * ACCEPTANCE_WINDOW;
/** How much older than the latest a peer's timestamp may be, in its ticks: as much as the network may swap segments. */
const TS_VAL_SLACK = 60_000;
/** How long ago we may have sent the timestamp that a peer echoes, ms: keepalives let it have newer ones all the time. */
const TS_ECR_MAX_AGE_MS = 3_600_000;
/** Lanes look at the clock once a turn, so another lane may have sent what this one believes to lie in the future. */
const TS_ECR_LEAD_MS = 5_000;

/**
 * Decides whether a segment without SYN, FIN and RST is acceptable for an open connection. Allocates nothing.
 *
 * @param nowMs Time of this turn.
 */
export function isAcceptable(table: ConnectionTable, row: number, info: SegmentInfo, nowMs: number): boolean {
  const ahead = seqDistance(info.seq, table.rcvNxt[row]);
  if (ahead < -ACCEPTANCE_WINDOW || ahead + info.payloadLen > ACCEPTANCE_WINDOW) return false;
  const behind = seqDistance(table.sndNxt[row], info.ack);
  return behind >= -Atomics.load(table.sndLag, row) && behind <= ACK_WINDOW &&
    hasFittingTimestamps(table, row, info, nowMs);
}

/**
 * Decides whether a segment acknowledges our SYN, and may bring data, on a half-open connection. Allocates nothing.
 *
 * @param nowMs Time of this turn.
 */
export function isOpening(table: ConnectionTable, row: number, info: SegmentInfo, nowMs: number): boolean {
  return seqDistance(info.ack, table.iss[row]) > 0 && isAcceptable(table, row, info, nowMs);
}

/** PAWS as far as swapped segments allow it, and an echo of ours that is young enough (RFC 7323 §5). */
function hasFittingTimestamps(table: ConnectionTable, row: number, info: SegmentInfo, nowMs: number): boolean {
  if ((Atomics.load(table.flags, row) & ConnectionFlag.TIMESTAMPS) === 0) return true;
  if (!info.hasTimestamps || seqDistance(info.tsVal, table.tsRecent[row]) < -TS_VAL_SLACK) return false;
  const ageMs = seqDistance(timestampAt(nowMs, table.tsOffset[row]), info.tsEcr);
  return ageMs >= -TS_ECR_LEAD_MS && ageMs <= TS_ECR_MAX_AGE_MS;
}
