/**
 * Transport messages: the clear-text header, and how long the padded content is. Allocates nothing.
 *
 * | octets | field |
 * | --- | --- |
 * | 0 | type: 3 and above, see `message_type.ts` |
 * | 1 | TTL: relays left |
 * | 2–5 | receiver index, little-endian: the index that the receiver chose |
 * | 6–13 | counter, little-endian: the nonce |
 * | 14… | sealed content, then a tag of 16 octets |
 *
 * Type and TTL are not authenticated. Empty content is a keepalive; other content is padded with zero octets that the
 * receiver can't tell from payload, because no length is carried.
 *
 * Source: `wire.md` §1.5, §1.6, §3.1, §3.2; reference node, `device/send.go`.
 *
 * @module
 */

import { Reason } from "../base/reason.ts";
import { EG_HEADER_LEN } from "./eg_header.ts";
import { ETHERNET_HEADER_LEN } from "./ethernet.ts";
import { isTransportType } from "./message_type.ts";

/** Length of the clear-text header in octets. */
export const TRANSPORT_HEADER_LEN = 14;
/** Length of a ChaCha20-Poly1305 tag in octets (RFC 8439 §2.8). */
export const TAG_LEN = 16;
/** What sealing adds to content, in octets. */
export const TRANSPORT_OVERHEAD_LEN = TRANSPORT_HEADER_LEN + TAG_LEN;
/** Length of a datagram with empty content, in octets. */
export const KEEPALIVE_LEN = TRANSPORT_OVERHEAD_LEN;
/** Length of the shortest transport message, in octets. */
export const MIN_TRANSPORT_LEN = KEEPALIVE_LEN;
/** Length of the shortest datagram that can be any message, in octets. */
export const MIN_DATAGRAM_LEN = MIN_TRANSPORT_LEN;
/** Content is padded to a multiple of this, in octets. */
export const PADDING_UNIT = 16;
/** What a datagram holds besides the Ethernet frame and its padding, in octets. */
export const SEALED_OVERHEAD_LEN = TRANSPORT_HEADER_LEN + EG_HEADER_LEN + TAG_LEN;

/**
 * First counter that we neither send nor accept: 2^53.
 *
 * WireGuard stops at 2^64 − 2^13 − 1. A number holds integers exactly up to 2^53 only, so ours stops there. Nobody can
 * notice: a session lives three minutes, and at a million messages a second the limit is 285 years away.
 */
export const COUNTER_LIMIT = 2 ** 53;

const TTL = 1;
const RECEIVER_INDEX = 2;
const COUNTER_LOW = 6;
const COUNTER_HIGH = 10;

/**
 * Decides whether a datagram has the form of a transport message.
 *
 * A counter at or above {@linkcode COUNTER_LIMIT} is refused here, so that {@linkcode readCounter} is exact afterwards.
 *
 * @param length Octets from `offset` to the end of the datagram; the view must hold them.
 * @returns `NONE`, `DATAGRAM_TRUNCATED`, `HANDSHAKE_LENGTH` (the type is a handshake's) or `COUNTER_LIMIT`.
 */
export function checkTransport(view: DataView, offset: number, length: number): number {
  if (length < MIN_TRANSPORT_LEN) return Reason.DATAGRAM_TRUNCATED;
  if (!isTransportType(view.getUint8(offset))) return Reason.HANDSHAKE_LENGTH;
  return counterInRange(view, offset) ? Reason.NONE : Reason.COUNTER_LIMIT;
}

/**
 * Tells whether a datagram may be a keepalive of a reference node, which leaves the type octet as it happens to be.
 *
 * On a quiet node that octet is 0, as in an initiation; but none is as short as this. The caller looks up the receiver
 * index and opens it like any keepalive: only the tag decides. Source: `wire.md` §1.6.
 *
 * @param length Octets from `offset` to the end of the datagram; the view must hold them.
 */
export function mayBeUntypedKeepalive(view: DataView, offset: number, length: number): boolean {
  return length === KEEPALIVE_LEN && view.getUint8(offset) === 0 && counterInRange(view, offset);
}

/** Reads the type of the message at `offset`. */
export function readType(view: DataView, offset: number): number {
  return view.getUint8(offset);
}

/** Reads the TTL of the message at `offset`: relays left, 0 to 255. */
export function readTtl(view: DataView, offset: number): number {
  return view.getUint8(offset + TTL);
}

/** Reads the receiver index of the message at `offset`, 32 bits. */
export function readReceiverIndex(view: DataView, offset: number): number {
  return view.getUint32(offset + RECEIVER_INDEX, true);
}

/** Reads the lower 32 bits of the counter. */
export function readCounterLow(view: DataView, offset: number): number {
  return view.getUint32(offset + COUNTER_LOW, true);
}

/** Reads the upper 32 bits of the counter; below 2^21 once {@linkcode checkTransport} has let the message pass. */
export function readCounterHigh(view: DataView, offset: number): number {
  return view.getUint32(offset + COUNTER_HIGH, true);
}

/** Reads the counter as one number; exact once {@linkcode checkTransport} has let the message pass. */
export function readCounter(view: DataView, offset: number): number {
  return readCounterHigh(view, offset) * 2 ** 32 + readCounterLow(view, offset);
}

/**
 * Writes the clear-text header in front of the content to be sealed.
 *
 * @param view Buffer with at least {@linkcode TRANSPORT_HEADER_LEN} octets after `offset`; the caller has checked it.
 * @param offset Where the header begins, in octets.
 * @param type A transport type of `MessageType`.
 * @param ttl Relays left, 0 to 255.
 * @param receiverIndex The index that the peer chose for this session, 32 bits.
 * @param counter Nonce of this message: an integer below {@linkcode COUNTER_LIMIT}, never used twice with one key.
 */
export function writeTransportHeader(
  view: DataView,
  offset: number,
  type: number,
  ttl: number,
  receiverIndex: number,
  counter: number,
): void {
  view.setUint8(offset, type);
  view.setUint8(offset + TTL, ttl);
  view.setUint32(offset + RECEIVER_INDEX, receiverIndex, true);
  view.setUint32(offset + COUNTER_LOW, counter, true);
  view.setUint32(offset + COUNTER_HIGH, Math.floor(counter / 2 ** 32), true);
}

/**
 * Writes the nonce of a transport message: four zero octets, then the counter, little-endian.
 *
 * @param view Buffer with at least 12 octets after `offset`.
 * @param counter As in {@linkcode writeTransportHeader}.
 */
export function writeTransportNonce(view: DataView, offset: number, counter: number): void {
  view.setUint32(offset, 0, true);
  view.setUint32(offset + 4, counter, true);
  view.setUint32(offset + 8, Math.floor(counter / 2 ** 32), true);
}

/**
 * Returns the length of content after padding, in octets.
 *
 * Content is filled to a multiple of 16, but not beyond what a full frame of the interface needs: a frame of exactly the
 * MTU goes unpadded. Content longer than that (a merged or foreign frame) is padded as if only its remainder were there.
 * Computed with integers; source: `wire.md` §3.2; reference node, `device/send.go`, calculatePaddingSize.
 *
 * @param contentLength Inner header and payload, in octets; 0 (a keepalive) stays 0.
 * @param mtu MTU of the interface that the node serves, in octets: not of the underlay.
 */
export function paddedContentLength(contentLength: number, mtu: number): number {
  const fullLength = mtu + ETHERNET_HEADER_LEN + EG_HEADER_LEN;
  const remainder = contentLength > fullLength ? contentLength % fullLength : contentLength;
  const rounded = (remainder + PADDING_UNIT - 1) & -PADDING_UNIT;
  return contentLength - remainder + Math.min(rounded, fullLength);
}

/** Returns the length of the datagram that carries a full frame of an interface, in octets. @param mtu Of the interface. */
export function fullDatagramLength(mtu: number): number {
  return TRANSPORT_OVERHEAD_LEN + EG_HEADER_LEN + ETHERNET_HEADER_LEN + mtu;
}

function counterInRange(view: DataView, offset: number): boolean {
  return readCounterHigh(view, offset) < COUNTER_LIMIT / 2 ** 32;
}
