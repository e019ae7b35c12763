/**
 * Document messages: how two of our own nodes ask each other for documents through their session. Allocates nothing.
 *
 * A document message is the content of a transport message of type `DOCUMENT`, behind the inner header. A request and its
 * answer each have a body that is cut into fragments of one length, but for the last. Numbers are big-endian.
 *
 * | octets | all | request, answer | request ack, answer ack | cancel, gone |
 * | --- | --- | --- | --- | --- |
 * | 0 | kind | | | |
 * | 1 | version | | | |
 * | 2 | document kind | | | |
 * | 3 | | encoding of the body | reserved | reserved |
 * | 4–7 | id, chosen by the requester | | | |
 * | 8–9 | | length of the body | next fragment that is missing | |
 * | 10–11 | | length of the body | bitmap | |
 * | 12–15 | | CRC-32 of the body | bitmap | |
 * | 16–17 | | length of a fragment | bitmap | |
 * | 18–19 | | number of this fragment, from 0 | bitmap | |
 * | 20–21 | | status of the answer; a request's is 0 | bitmap | |
 * | 22– | | octets of the fragment | bitmap, to 41 | |
 *
 * - Each *request* and *answer* says all that is needed to take its fragment in, whichever comes first. An empty body has
 *   one fragment, of no octets. The length of the fragment follows from the other fields: padding isn't told from content.
 * - An *ack* says which fragments are there: all before *next*, and of those behind it the ones whose bit is set. Bit *i*
 *   stands for fragment *next* + 1 + *i*, the lowest bit of an octet first. *Next* is the number of fragments when all are
 *   there. The first fragment of an answer acknowledges its whole request.
 * - *Cancel* comes from the requester: it wants nothing more of this answer. *Gone* comes from the one asked: it knows no
 *   such request, or no longer, and there will be no answer. Neither is answered.
 *
 * Reserved fields are sent as 0 and not looked at. A message of another version is refused, because a fragment has no end
 * that a later version could append to: what two versions share is negotiated by the capabilities of the path hello.
 *
 * @module
 */

import { Reason } from "../base/reason.ts";

/** First octet of a document message. */
export const DocumentMessageKind = {
  REQUEST: 0,
  ANSWER: 1,
  REQUEST_ACK: 2,
  ANSWER_ACK: 3,
  CANCEL: 4,
  GONE: 5,
} as const;

/** Version that we write and read. */
export const DOCUMENT_MESSAGE_VERSION = 1;

/** How a body is written. */
export const DocumentEncoding = { PLAIN: 0, GZIP: 1 } as const;

/** Length of what comes before the octets of a fragment, in octets. */
export const FRAGMENT_HEADER_LEN = 22;
/** Length of a request ack and of an answer ack, in octets. */
export const DOCUMENT_ACK_LEN = 42;
/** Length of a cancel and of a gone, in octets. */
export const DOCUMENT_NOTICE_LEN = 8;
/** Fragments behind the first missing one of which an ack can tell. */
export const ACK_BITS = 256;
/** Most fragments of a body, so that *next* has room behind the last. */
export const FRAGMENT_COUNT_MAX = 0xffff;

/** Least length of each kind, by number. */
const LENGTHS = [
  FRAGMENT_HEADER_LEN,
  FRAGMENT_HEADER_LEN,
  DOCUMENT_ACK_LEN,
  DOCUMENT_ACK_LEN,
  DOCUMENT_NOTICE_LEN,
  DOCUMENT_NOTICE_LEN,
];

const VERSION = 1;
const DOCUMENT_KIND = 2;
const ENCODING = 3;
const ID = 4;
const BODY_LEN = 8;
const CHECKSUM = 12;
const FRAGMENT_LEN = 16;
const INDEX = 18;
const STATUS = 20;
const NEXT = 8;
const BITMAP = 10;

/**
 * Decides whether content is a document message of a known kind whose fields agree, so that they and the fragment can be
 * read. Limits to lengths, and which document kinds there are, is the caller's business.
 *
 * @param length Octets from `offset` to the end of the content, padding included; the view must hold them.
 * @returns `NONE`, `CONTENT_TRUNCATED`, `USAGE_UNKNOWN` (kind or version) or `DOCUMENT_MALFORMED`.
 */
export function checkDocumentMessage(view: DataView, offset: number, length: number): number {
  if (length <= VERSION) return Reason.CONTENT_TRUNCATED;
  const kind = readDocumentMessageKind(view, offset);
  if (kind >= LENGTHS.length || view.getUint8(offset + VERSION) !== DOCUMENT_MESSAGE_VERSION) {
    return Reason.USAGE_UNKNOWN;
  }
  if (length < LENGTHS[kind]) return Reason.CONTENT_TRUNCATED;
  return isFragment(kind) ? checkFragment(view, offset, length) : Reason.NONE;
}

function checkFragment(view: DataView, offset: number, length: number): number {
  const bodyLen = readBodyLen(view, offset);
  const fragmentLen = readFragmentLen(view, offset);
  if (fragmentLen === 0 || bodyLen > fragmentLen * FRAGMENT_COUNT_MAX) return Reason.DOCUMENT_MALFORMED;
  if (readFragmentIndex(view, offset) >= fragmentCount(bodyLen, fragmentLen)) return Reason.DOCUMENT_MALFORMED;
  if (readEncoding(view, offset) > DocumentEncoding.GZIP) return Reason.DOCUMENT_MALFORMED;
  return length < FRAGMENT_HEADER_LEN + readPayloadLen(view, offset) ? Reason.CONTENT_TRUNCATED : Reason.NONE;
}

/** Tells whether messages of a known kind carry a fragment. */
export function isFragment(kind: number): boolean {
  return kind === DocumentMessageKind.REQUEST || kind === DocumentMessageKind.ANSWER;
}

/** Returns how many fragments a body is cut into: at least one. @param fragmentLen Above 0. */
export function fragmentCount(bodyLen: number, fragmentLen: number): number {
  return Math.max(1, Math.ceil(bodyLen / fragmentLen));
}

/** Reads the kind of the message at `offset`. */
export function readDocumentMessageKind(view: DataView, offset: number): number {
  return view.getUint8(offset);
}

/** Reads what document the message at `offset` is about, 0 to 255: the caller checks that there is such a kind. */
export function readDocumentKind(view: DataView, offset: number): number {
  return view.getUint8(offset + DOCUMENT_KIND);
}

/** Reads the id of the request that the message at `offset` belongs to, 32 bits. */
export function readRequestId(view: DataView, offset: number): number {
  return view.getUint32(offset + ID);
}

/** Reads from the fragment at `offset` how its body is written: one of {@linkcode DocumentEncoding}. */
export function readEncoding(view: DataView, offset: number): number {
  return view.getUint8(offset + ENCODING);
}

/** Reads from the fragment at `offset` the length of its whole body, in octets, 32 bits. */
export function readBodyLen(view: DataView, offset: number): number {
  return view.getUint32(offset + BODY_LEN);
}

/** Reads from the fragment at `offset` the CRC-32 of its whole body. */
export function readChecksum(view: DataView, offset: number): number {
  return view.getUint32(offset + CHECKSUM);
}

/** Reads from the fragment at `offset` how long each fragment of its body is, but for the last; in octets. */
export function readFragmentLen(view: DataView, offset: number): number {
  return view.getUint16(offset + FRAGMENT_LEN);
}

/** Reads the number of the fragment at `offset`, from 0. */
export function readFragmentIndex(view: DataView, offset: number): number {
  return view.getUint16(offset + INDEX);
}

/** Reads the status of the answer at `offset`: 0 to 65,535; the caller checks that it is one of HTTP. */
export function readStatus(view: DataView, offset: number): number {
  return view.getUint16(offset + STATUS);
}

/** Returns how many octets of its body the fragment at `offset` carries, behind {@linkcode FRAGMENT_HEADER_LEN}. */
export function readPayloadLen(view: DataView, offset: number): number {
  const fragmentLen = readFragmentLen(view, offset);
  return Math.min(fragmentLen, readBodyLen(view, offset) - readFragmentIndex(view, offset) * fragmentLen);
}

/** Reads from the ack at `offset` the number of the first fragment that is missing. */
export function readNextIndex(view: DataView, offset: number): number {
  return view.getUint16(offset + NEXT);
}

/** Reads from the ack at `offset` whether fragment *next* + 1 + `bit` is there. @param bit Below {@linkcode ACK_BITS}. */
export function readAckBit(view: DataView, offset: number, bit: number): boolean {
  return (view.getUint8(offset + BITMAP + (bit >> 3)) & (1 << (bit & 7))) !== 0;
}

/**
 * Writes what comes before the octets of a fragment.
 *
 * @param view Buffer with at least {@linkcode FRAGMENT_HEADER_LEN} octets from `offset` on; the caller has checked it.
 * @param kind `REQUEST` or `ANSWER` of {@linkcode DocumentMessageKind}.
 * @param documentKind What the request asks for.
 * @param encoding One of {@linkcode DocumentEncoding}.
 * @param checksum CRC-32 of the body.
 * @param fragmentLen Above 0; the body has at most {@linkcode FRAGMENT_COUNT_MAX} fragments of it.
 * @param status Of an answer; 0 in a request.
 */
export function writeFragmentHeader(
  view: DataView,
  offset: number,
  kind: number,
  documentKind: number,
  encoding: number,
  id: number,
  bodyLen: number,
  checksum: number,
  fragmentLen: number,
  index: number,
  status: number,
): void {
  writeHead(view, offset, kind, documentKind, id);
  view.setUint8(offset + ENCODING, encoding);
  view.setUint32(offset + BODY_LEN, bodyLen);
  view.setUint32(offset + CHECKSUM, checksum);
  view.setUint16(offset + FRAGMENT_LEN, fragmentLen);
  view.setUint16(offset + INDEX, index);
  view.setUint16(offset + STATUS, status);
}

/**
 * Writes an ack whose bitmap is empty; {@linkcode setAckBit} fills it.
 *
 * @param view Buffer with at least {@linkcode DOCUMENT_ACK_LEN} octets from `offset` on; the caller has checked it.
 * @param kind `REQUEST_ACK` or `ANSWER_ACK` of {@linkcode DocumentMessageKind}.
 * @param next Number of the first fragment that is missing.
 */
export function writeDocumentAck(
  view: DataView,
  offset: number,
  kind: number,
  documentKind: number,
  id: number,
  next: number,
): void {
  writeHead(view, offset, kind, documentKind, id);
  view.setUint16(offset + NEXT, next);
  for (let at = BITMAP; at < DOCUMENT_ACK_LEN; at++) view.setUint8(offset + at, 0);
}

/** Says in the ack at `offset` that fragment *next* + 1 + `bit` is there. @param bit Below {@linkcode ACK_BITS}. */
export function setAckBit(view: DataView, offset: number, bit: number): void {
  const at = offset + BITMAP + (bit >> 3);
  view.setUint8(at, view.getUint8(at) | (1 << (bit & 7)));
}

/**
 * Writes a cancel or a gone.
 *
 * @param view Buffer with at least {@linkcode DOCUMENT_NOTICE_LEN} octets from `offset` on; the caller has checked it.
 * @param kind `CANCEL` or `GONE` of {@linkcode DocumentMessageKind}.
 */
export function writeDocumentNotice(
  view: DataView,
  offset: number,
  kind: number,
  documentKind: number,
  id: number,
): void {
  writeHead(view, offset, kind, documentKind, id);
}

function writeHead(view: DataView, offset: number, kind: number, documentKind: number, id: number): void {
  view.setUint8(offset, kind);
  view.setUint8(offset + VERSION, DOCUMENT_MESSAGE_VERSION);
  view.setUint8(offset + DOCUMENT_KIND, documentKind);
  view.setUint8(offset + ENCODING, 0);
  view.setUint32(offset + ID, id);
}
