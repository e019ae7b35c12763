// No allocation per packet in this file.
/**
 * SYN cookies: half-open connections that cost no memory (RFC 4987 §3.6).
 *
 * Under a flood of SYNs a connection isn't remembered between SYN-ACK and its acknowledgment. Our initial sequence number
 * is instead computed from the tuple, the peer's initial sequence number, the minute and a secret, so that the
 * acknowledgment proves that the SYN-ACK arrived. What a SYN-ACK can't carry back is lost: of the peer's options only the MSS,
 * rounded down to one of eight values, survives. Such a connection has neither window scale nor timestamps.
 *
 * The key is shared by all lanes ({@linkcode ConnectionTable.cookieKey}): any of them may answer a SYN, any other may get
 * the acknowledgment.
 *
 * @module
 */

import { TcpFlag } from "../wire/tcp.ts";
import { type ConnectionTable } from "./connection_table.ts";
import { type LocalHost, SynOption, writeSyn } from "./packet.ts";
import { type SegmentInfo } from "./segment_reader.ts";
import { sipHash24 } from "./sip_hash.ts";

/** How long one time value of a cookie lasts, ms. A cookie is accepted for this long, and at most twice as long. */
export const COOKIE_PERIOD_MS = 60_000;

/** MSS of a cookie connection whose peer sent no MSS option: no limit but ours. */
export const COOKIE_MSS_UNLIMITED = 0xffff;

/** The values of MSS that a cookie can carry, ascending: what is common on the way through tunnels and access networks. */
const COOKIE_MSS: readonly number[] = [536, 1220, 1300, 1360, 1400, 1440, 1460, COOKIE_MSS_UNLIMITED];

/** Remote address, ports, the peer's initial sequence number, time, and padding to whole blocks of 64 bits. */
const message = new Uint32Array(8);

/**
 * Makes the initial sequence number of a SYN-ACK.
 *
 * @param table Its `cookieKey` is used.
 * @param syn The SYN.
 * @param nowMs Monotonic time, the same clock in all threads.
 */
export function makeSynCookie(table: ConnectionTable, syn: SegmentInfo, nowMs: number): number {
  const hash = cookieHash(table, syn, syn.seq, Math.floor(nowMs / COOKIE_PERIOD_MS));
  return (hash ^ mssIndex(syn.mss)) >>> 0;
}

/**
 * Decides whether a segment acknowledges a cookie of ours: the first segment after a handshake that nobody remembers.
 *
 * @param table Its `cookieKey` is used.
 * @param info A segment with ACK, without SYN, RST and FIN. Its sequence number must be the first one behind the SYN.
 * @param nowMs Monotonic time, the same clock in all threads.
 * @returns The MSS of the peer's SYN, {@linkcode COOKIE_MSS_UNLIMITED} if it had none, or 0 if this is no cookie of ours.
 */
export function checkSynCookie(table: ConnectionTable, info: SegmentInfo, nowMs: number): number {
  const cookie = (info.ack - 1) >>> 0;
  const irs = (info.seq - 1) >>> 0;
  const period = Math.floor(nowMs / COOKIE_PERIOD_MS);
  for (let age = 0; age < 2; age++) {
    const index = (cookie ^ cookieHash(table, info, irs, period - age)) >>> 0;
    if (index < COOKIE_MSS.length) return COOKIE_MSS[index];
  }
  return 0;
}

/**
 * Writes the SYN-ACK that answers a SYN with a cookie. Its checksum is open, as in `packet.ts`.
 *
 * @param view Buffer with at least `SEGMENT_HEADER_MAX` octets after `offset`.
 * @param offset Where the IP header begins.
 * @param syn The SYN.
 * @param mss Our MSS; 0 leaves the option out.
 * @param window Not scaled.
 * @returns Octets written.
 */
export function writeCookieSynAck(
  view: DataView,
  offset: number,
  table: ConnectionTable,
  local: LocalHost,
  syn: SegmentInfo,
  mss: number,
  window: number,
  nowMs: number,
): number {
  const options = mss === 0 ? 0 : SynOption.MSS;
  const iss = makeSynCookie(table, syn, nowMs);
  const ack = (syn.seq + 1) >>> 0;
  const flags = TcpFlag.SYN | TcpFlag.ACK;
  return writeSyn(view, offset, syn.tuple, 0, local, 0, flags, iss, ack, window, options, mss, 0, 0, 0);
}

/** Index of the greatest value that isn't above a peer's MSS; the last if it sent none. */
function mssIndex(mss: number): number {
  if (mss === 0) return COOKIE_MSS.length - 1;
  let index = COOKIE_MSS.length - 2;
  while (index > 0 && COOKIE_MSS[index] > mss) index--;
  return index;
}

function cookieHash(table: ConnectionTable, info: SegmentInfo, irs: number, period: number): number {
  for (let word = 0; word < 4; word++) message[word] = info.tuple[2 + word];
  message[4] = ((info.tuple[1] << 16) | info.localPort) >>> 0;
  message[5] = irs;
  message[6] = period;
  message[7] = info.family;
  return sipHash24(table.cookieKey, message);
}
