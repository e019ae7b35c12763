/**
 * The three handshake messages: where their fields lie, how long they are.
 *
 * They are WireGuard's with one octet of type in place of four, so that every field lies three octets earlier. The
 * ciphertexts are opaque here; `noise/handshake.ts` and `noise/cookie.ts` fill and open them.
 *
 * | octets | initiation | octets | response | octets | cookie reply |
 * | --- | --- | --- | --- | --- | --- |
 * | 0 | type 0 | 0 | type 1 | 0 | type 2 |
 * | 1–4 | sender index | 1–4 | sender index | 1–4 | receiver index |
 * | 5–36 | ephemeral key | 5–8 | receiver index | 5–28 | nonce |
 * | 37–84 | sealed static key | 9–40 | ephemeral key | 29–60 | sealed cookie |
 * | 85–112 | sealed timestamp | 41–56 | sealed nothing | | |
 * | 113–128 | MAC1 | 57–72 | MAC1 | | |
 * | 129–144 | MAC2 | 73–88 | MAC2 | | |
 *
 * Indices are little-endian. Source: `wire.md` §1.2–1.4; reference node, `device/noise-protocol.go`.
 *
 * @module
 */

import { Reason } from "../base/reason.ts";
import { MessageType } from "./message_type.ts";
import { TAG_LEN } from "./transport_message.ts";

const INDEX_LEN = 4;
const PUBLIC_KEY_LEN = 32;
const TIMESTAMP_LEN = 12;

/** Length of MAC1 and of MAC2 in octets. */
export const HANDSHAKE_MAC_LEN = 16;
/** Length of the sealed long-term public key in octets. */
export const SEALED_STATIC_LEN = PUBLIC_KEY_LEN + TAG_LEN;
/** Length of the sealed TAI64N timestamp in octets. */
export const SEALED_TIMESTAMP_LEN = TIMESTAMP_LEN + TAG_LEN;
/** Length of the sealed empty string of a response in octets. */
export const SEALED_EMPTY_LEN = TAG_LEN;
/** Length of a cookie reply's nonce in octets. */
export const COOKIE_NONCE_LEN = 24;
/** Length of a sealed cookie in octets. */
export const SEALED_COOKIE_LEN = 16 + TAG_LEN;

/** Offset of the sender index in an initiation and in a response. */
const SENDER_INDEX = 1;

/** Offset of the ephemeral public key in an initiation. */
export const INITIATION_EPHEMERAL = SENDER_INDEX + INDEX_LEN;
/** Offset of the sealed long-term public key in an initiation. */
export const INITIATION_STATIC = INITIATION_EPHEMERAL + PUBLIC_KEY_LEN;
/** Offset of the sealed timestamp in an initiation. */
export const INITIATION_TIMESTAMP = INITIATION_STATIC + SEALED_STATIC_LEN;
/** Length of an initiation without its MACs: what MAC1 covers. */
export const INITIATION_BODY_LEN = INITIATION_TIMESTAMP + SEALED_TIMESTAMP_LEN;
/** Length of an initiation in octets: 145. */
export const INITIATION_LEN = INITIATION_BODY_LEN + 2 * HANDSHAKE_MAC_LEN;

const RESPONSE_RECEIVER_INDEX = SENDER_INDEX + INDEX_LEN;
/** Offset of the ephemeral public key in a response. */
export const RESPONSE_EPHEMERAL = RESPONSE_RECEIVER_INDEX + INDEX_LEN;
/** Offset of the sealed empty string in a response. */
export const RESPONSE_EMPTY = RESPONSE_EPHEMERAL + PUBLIC_KEY_LEN;
/** Length of a response without its MACs: what MAC1 covers. */
export const RESPONSE_BODY_LEN = RESPONSE_EMPTY + SEALED_EMPTY_LEN;
/** Length of a response in octets: 89. */
export const RESPONSE_LEN = RESPONSE_BODY_LEN + 2 * HANDSHAKE_MAC_LEN;

const COOKIE_REPLY_RECEIVER_INDEX = 1;
/** Offset of the nonce in a cookie reply. */
export const COOKIE_REPLY_NONCE = COOKIE_REPLY_RECEIVER_INDEX + INDEX_LEN;
/** Offset of the sealed cookie in a cookie reply. */
export const COOKIE_REPLY_COOKIE = COOKIE_REPLY_NONCE + COOKIE_NONCE_LEN;
/** Length of a cookie reply in octets: 61. */
export const COOKIE_REPLY_LEN = COOKIE_REPLY_COOKIE + SEALED_COOKIE_LEN;

/**
 * Decides whether a datagram has the form of an initiation.
 *
 * @param length Octets from `offset` to the end of the datagram; the buffer must hold them.
 * @returns `NONE`, `DATAGRAM_TRUNCATED` or `HANDSHAKE_LENGTH`. After `NONE` every read of a field is in bounds.
 */
export function checkInitiation(octets: Uint8Array, offset: number, length: number): number {
  return checkForm(octets, offset, length, MessageType.INITIATION, INITIATION_LEN);
}

/** As {@linkcode checkInitiation}, for a response. */
export function checkResponse(octets: Uint8Array, offset: number, length: number): number {
  return checkForm(octets, offset, length, MessageType.RESPONSE, RESPONSE_LEN);
}

/** As {@linkcode checkInitiation}, for a cookie reply. */
export function checkCookieReply(octets: Uint8Array, offset: number, length: number): number {
  return checkForm(octets, offset, length, MessageType.COOKIE_REPLY, COOKIE_REPLY_LEN);
}

/**
 * Decides whether a datagram has the form of any handshake message: a type below 3 and the length of that type.
 *
 * @param length Octets from `offset` to the end of the datagram; the buffer must hold them.
 * @returns `NONE`, `DATAGRAM_TRUNCATED` or `HANDSHAKE_LENGTH`.
 */
export function checkHandshake(octets: Uint8Array, offset: number, length: number): number {
  if (length < 1) return Reason.DATAGRAM_TRUNCATED;
  const type = octets[offset];
  return checkForm(octets, offset, length, type, handshakeLength(type));
}

/** Returns the length in octets that a handshake message of this type must have; 0 for any other type. */
export function handshakeLength(type: number): number {
  switch (type) {
    case MessageType.INITIATION:
      return INITIATION_LEN;
    case MessageType.RESPONSE:
      return RESPONSE_LEN;
    case MessageType.COOKIE_REPLY:
      return COOKIE_REPLY_LEN;
    default:
      return 0;
  }
}

/** Returns the offset of MAC1, and with it the length that MAC1 covers, for an initiation or a response. */
export function mac1Offset(type: number): number {
  return type === MessageType.INITIATION ? INITIATION_BODY_LEN : RESPONSE_BODY_LEN;
}

/** Returns the offset of MAC2, and with it the length that MAC2 covers, for an initiation or a response. */
export function mac2Offset(type: number): number {
  return mac1Offset(type) + HANDSHAKE_MAC_LEN;
}

/** Reads the sender index of an initiation or of a response. */
export function readSenderIndex(octets: Uint8Array, offset: number): number {
  return readIndex(octets, offset + SENDER_INDEX);
}

/** Reads the receiver index of a response. */
export function readResponseReceiverIndex(octets: Uint8Array, offset: number): number {
  return readIndex(octets, offset + RESPONSE_RECEIVER_INDEX);
}

/** Reads the receiver index of a cookie reply. */
export function readCookieReplyReceiverIndex(octets: Uint8Array, offset: number): number {
  return readIndex(octets, offset + COOKIE_REPLY_RECEIVER_INDEX);
}

/**
 * Reads what the reference node mistakes for the sender index of an initiation or of a response: octets 4 to 7, where
 * WireGuard has it. That node puts this number into its cookie replies.
 */
export function readMisplacedSenderIndex(octets: Uint8Array, offset: number): number {
  return readIndex(octets, offset + 4);
}

/** Writes type and sender index of an initiation. */
export function writeInitiationHeader(octets: Uint8Array, offset: number, senderIndex: number): void {
  octets[offset] = MessageType.INITIATION;
  writeIndex(octets, offset + SENDER_INDEX, senderIndex);
}

/** Writes type and both indices of a response. */
export function writeResponseHeader(
  octets: Uint8Array,
  offset: number,
  senderIndex: number,
  receiverIndex: number,
): void {
  octets[offset] = MessageType.RESPONSE;
  writeIndex(octets, offset + SENDER_INDEX, senderIndex);
  writeIndex(octets, offset + RESPONSE_RECEIVER_INDEX, receiverIndex);
}

/** Writes type and receiver index of a cookie reply. */
export function writeCookieReplyHeader(octets: Uint8Array, offset: number, receiverIndex: number): void {
  octets[offset] = MessageType.COOKIE_REPLY;
  writeIndex(octets, offset + COOKIE_REPLY_RECEIVER_INDEX, receiverIndex);
}

function checkForm(octets: Uint8Array, offset: number, length: number, type: number, required: number): number {
  if (length < 1) return Reason.DATAGRAM_TRUNCATED;
  return octets[offset] === type && length === required ? Reason.NONE : Reason.HANDSHAKE_LENGTH;
}

function readIndex(octets: Uint8Array, at: number): number {
  return (octets[at] | (octets[at + 1] << 8) | (octets[at + 2] << 16) | (octets[at + 3] << 24)) >>> 0;
}

function writeIndex(octets: Uint8Array, at: number, index: number): void {
  octets[at] = index;
  octets[at + 1] = index >>> 8;
  octets[at + 2] = index >>> 16;
  octets[at + 3] = index >>> 24;
}
