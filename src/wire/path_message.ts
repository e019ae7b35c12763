/**
 * Path messages: what two of our own nodes tell each other about the paths between them. Allocates nothing.
 *
 * A path message is the content of a transport message of type `PATH`, behind the inner header. Numbers are big-endian.
 *
 * | octets | all | hello, hello ack | probe | reply | report |
 * | --- | --- | --- | --- | --- | --- |
 * | 0 | kind | | | | |
 * | 1 | version | | | | |
 * | 2 | | capabilities | path kind | path kind, echoed | path kind |
 * | 3 | | capabilities | flags | flags | flags |
 * | 4–7 | | FakeTCP port, 0 none; reserved | id | id, echoed | |
 * | 8–11 | | | 0 | length of the probe's datagram as received | |
 * | 12–15 | | | padding | transport messages received so far, mod 2^32 | |
 *
 * - *Hello* asks, once a session, whether the peer knows these messages; *hello ack* says so. Nothing else goes to a peer
 *   that never said it: reference nodes drop the type.
 * - *Probe* asks for a reply, and goes out on exactly one path. Zero octets fill its datagram to the length to be tried.
 * - *Reply* says that the probe came in, and how long it was. It may come back by any path: so the probe's own direction is
 *   judged alone.
 * - *Report* tells the flags of a path unasked.
 *
 * Reserved fields are sent as 0 and not looked at. A later version may use them and append fields, but keeps these where
 * they are: messages of all versions are read alike, and what follows the known fields is skipped, padding or not.
 *
 * @module
 */

import { Reason } from "../base/reason.ts";

/** First octet of a path message. */
export const PathMessageKind = { HELLO: 0, HELLO_ACK: 1, PROBE: 2, REPLY: 3, REPORT: 4 } as const;

/** Version that we write. */
export const PATH_MESSAGE_VERSION = 1;

/** Bits of the capabilities in a hello. */
export const PathCapability = {
  /** Answers probes. */
  PROBES: 1,
  /** Has FakeTCP, and listens for it at the port that the hello names. */
  FAKETCP: 2,
  /** Hands out the documents of a super node through the session. */
  DOCUMENTS: 4,
} as const;

/** Bits of the flags in a reply or report. */
export const PathFlag = {
  /** Datagrams sent as one super-segment come cut elsewhere: send each by itself. */
  STOP_BATCHING: 1,
  /** Single datagrams come cut as well: a TCP proxy stands in the path, which is of no use. */
  PROXY: 2,
} as const;

/** Length of a hello and of a hello ack in octets. */
export const PATH_HELLO_LEN = 8;
/** Length of a probe without padding, in octets. */
export const PATH_PROBE_LEN = 12;
/** Length of a reply in octets. */
export const PATH_REPLY_LEN = 16;
/** Length of a report in octets. */
export const PATH_REPORT_LEN = 4;

/** Least length of each kind, by number. */
const LENGTHS = [PATH_HELLO_LEN, PATH_HELLO_LEN, PATH_PROBE_LEN, PATH_REPLY_LEN, PATH_REPORT_LEN];

const VERSION = 1;
const CAPABILITIES = 2;
const FAKETCP_PORT = 4;
const PATH_KIND = 2;
const FLAGS = 3;
const ID = 4;
const RECEIVED_LEN = 8;
const RECEIVED_COUNT = 12;

/**
 * Decides whether content is a path message of a known kind, so that its fields can be read.
 *
 * @param length Octets from `offset` to the end of the content, padding included; the view must hold them.
 * @returns `NONE`, `CONTENT_TRUNCATED` or `USAGE_UNKNOWN`: an unknown kind, or version 0, which there never was.
 */
export function checkPathMessage(view: DataView, offset: number, length: number): number {
  if (length <= VERSION) return Reason.CONTENT_TRUNCATED;
  const kind = readPathMessageKind(view, offset);
  if (kind >= LENGTHS.length || readPathMessageVersion(view, offset) === 0) return Reason.USAGE_UNKNOWN;
  return length < LENGTHS[kind] ? Reason.CONTENT_TRUNCATED : Reason.NONE;
}

/** Reads the kind of the message at `offset`. */
export function readPathMessageKind(view: DataView, offset: number): number {
  return view.getUint8(offset);
}

/** Reads the version of the message at `offset`. */
export function readPathMessageVersion(view: DataView, offset: number): number {
  return view.getUint8(offset + VERSION);
}

/** Reads the capabilities of the hello or hello ack at `offset`: bits of {@linkcode PathCapability}, unknown ones too. */
export function readCapabilities(view: DataView, offset: number): number {
  return view.getUint16(offset + CAPABILITIES);
}

/** Reads the port at which the sender of the hello or hello ack at `offset` listens for FakeTCP; 0 for none. */
export function readFakeTcpPort(view: DataView, offset: number): number {
  return view.getUint16(offset + FAKETCP_PORT);
}

/** Reads the path kind of the probe, reply or report at `offset`, 0 to 255: the caller checks that there is such a path. */
export function readPathKind(view: DataView, offset: number): number {
  return view.getUint8(offset + PATH_KIND);
}

/** Reads the flags of the probe, reply or report at `offset`: bits of {@linkcode PathFlag}, unknown ones too. */
export function readPathFlags(view: DataView, offset: number): number {
  return view.getUint8(offset + FLAGS);
}

/** Reads the id of the probe or reply at `offset`, 32 bits. */
export function readProbeId(view: DataView, offset: number): number {
  return view.getUint32(offset + ID);
}

/** Reads from the reply at `offset` how long the probe's datagram was when it came in, in octets. */
export function readReceivedLen(view: DataView, offset: number): number {
  return view.getUint32(offset + RECEIVED_LEN);
}

/** Reads from the reply at `offset` how many distinct transport messages of ours had come in by then, modulo 2^32. */
export function readReceivedCount(view: DataView, offset: number): number {
  return view.getUint32(offset + RECEIVED_COUNT);
}

/**
 * Writes a hello or hello ack.
 *
 * @param view Buffer with at least {@linkcode PATH_HELLO_LEN} octets from `offset` on; the caller has checked it.
 * @param kind `HELLO` or `HELLO_ACK` of {@linkcode PathMessageKind}.
 * @param capabilities Bits of {@linkcode PathCapability}.
 * @param fakeTcpPort Port at which we listen for FakeTCP; 0 for none.
 */
export function writePathHello(
  view: DataView,
  offset: number,
  kind: number,
  capabilities: number,
  fakeTcpPort: number,
): void {
  writeHead(view, offset, kind);
  view.setUint16(offset + CAPABILITIES, capabilities);
  view.setUint16(offset + FAKETCP_PORT, fakeTcpPort);
  view.setUint16(offset + FAKETCP_PORT + 2, 0);
}

/**
 * Writes a probe without its padding, which the caller zeroes.
 *
 * @param view Buffer with at least {@linkcode PATH_PROBE_LEN} octets from `offset` on; the caller has checked it.
 * @param pathKind Kind of the path that it goes out on, as the sender numbers it.
 * @param id Chosen by the sender, 32 bits.
 */
export function writePathProbe(view: DataView, offset: number, pathKind: number, id: number): void {
  writeHead(view, offset, PathMessageKind.PROBE);
  view.setUint8(offset + PATH_KIND, pathKind);
  view.setUint8(offset + FLAGS, 0);
  view.setUint32(offset + ID, id);
  view.setUint32(offset + RECEIVED_LEN, 0);
}

/**
 * Writes a reply.
 *
 * @param view Buffer with at least {@linkcode PATH_REPLY_LEN} octets from `offset` on; the caller has checked it.
 * @param pathKind The probe's.
 * @param flags Bits of {@linkcode PathFlag}: what we saw on the path that the probe came by.
 * @param id The probe's.
 * @param receivedLen Length of the probe's datagram, in octets.
 * @param receivedCount Distinct transport messages received from the peer so far; only the lower 32 bits are written.
 */
export function writePathReply(
  view: DataView,
  offset: number,
  pathKind: number,
  flags: number,
  id: number,
  receivedLen: number,
  receivedCount: number,
): void {
  writeHead(view, offset, PathMessageKind.REPLY);
  view.setUint8(offset + PATH_KIND, pathKind);
  view.setUint8(offset + FLAGS, flags);
  view.setUint32(offset + ID, id);
  view.setUint32(offset + RECEIVED_LEN, receivedLen);
  view.setUint32(offset + RECEIVED_COUNT, receivedCount);
}

/**
 * Writes a report.
 *
 * @param view Buffer with at least {@linkcode PATH_REPORT_LEN} octets from `offset` on; the caller has checked it.
 * @param pathKind Kind of the path that the report is about, by transport and family of what came in.
 * @param flags Bits of {@linkcode PathFlag}.
 */
export function writePathReport(view: DataView, offset: number, pathKind: number, flags: number): void {
  writeHead(view, offset, PathMessageKind.REPORT);
  view.setUint8(offset + PATH_KIND, pathKind);
  view.setUint8(offset + FLAGS, flags);
}

function writeHead(view: DataView, offset: number, kind: number): void {
  view.setUint8(offset, kind);
  view.setUint8(offset + VERSION, PATH_MESSAGE_VERSION);
}
