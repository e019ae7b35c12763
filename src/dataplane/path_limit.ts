// No allocation per packet in this file.
/**
 * How long a frame may be, given how long a datagram may be.
 *
 * @module
 */

import { EG_HEADER_LEN } from "../wire/eg_header.ts";
import { ETHERNET_HEADER_LEN } from "../wire/ethernet.ts";
import { PADDING_UNIT, TRANSPORT_OVERHEAD_LEN } from "../wire/transport_message.ts";
import { Setting, type Tables } from "./tables.ts";

/** What {@linkcode maxFrameLen} returns where no limit is known: longer than any frame. */
export const NO_FRAME_LIMIT = 0x3fffffff;

/**
 * Returns the length of the longest frame whose sealed datagram fits a path: the inverse of `paddedContentLength`.
 *
 * @param maxDatagramLen Longest datagram that the path carries, in octets; 0 for no limit known.
 * @param mtu MTU of the interface that the node serves, in octets: padding depends on it.
 * @returns Octets of the frame, 0 if not even an empty one fits; {@linkcode NO_FRAME_LIMIT} without a limit.
 */
export function maxFrameLen(maxDatagramLen: number, mtu: number): number {
  if (maxDatagramLen === 0) return NO_FRAME_LIMIT;
  const contentLen = maxDatagramLen - TRANSPORT_OVERHEAD_LEN;
  if (contentLen < EG_HEADER_LEN) return 0;
  // Whole frames of the interface's length go unpadded; what remains must hold its padding too.
  const fullLen = mtu + ETHERNET_HEADER_LEN + EG_HEADER_LEN;
  const remainder = contentLen % fullLen;
  const unpadded = contentLen - (remainder % PADDING_UNIT);
  return Math.max(0, unpadded - EG_HEADER_LEN);
}

/** Returns the length of the longest frame that every path in use to a peer carries. */
export function frameLimitTo(tables: Tables, peerRow: number): number {
  return maxFrameLen(tables.peerMaxDatagramLen[peerRow], tables.settings[Setting.MTU]);
}
