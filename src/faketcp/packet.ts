// No allocation per packet in this file.
/**
 * Builds segments in place: IP header, TCP header, options. The reading side is `segment_reader.ts`.
 *
 * A segment is written in front of its payload, which already stands in the buffer. What it looks like is decided by
 * the row of the connection table and, for SYNs, by `fingerprint.ts`.
 *
 * Every writer leaves the checksum *open*: the checksum field holds the sum of the pseudo-header, not complemented. That
 * is what the kernel wants with NEEDS_CSUM (`linux/virtio_net.h`), for ordinary segments and for super-segments, whose
 * pseudo-header has the length of the whole. Whoever sends without that flag calls {@linkcode completeChecksum}.
 *
 * A *tuple* is {@linkcode REMOTE_WORDS} words that name a connection: family, remote port, remote address, scope and local
 * port, as rows of the table and `SegmentInfo` have them.
 *
 * @module
 */

import { checksumOf, onesComplementSum, pseudoHeaderSum4, pseudoHeaderSum6 } from "../wire/checksum.ts";
import { IpProtocol, IPV4_MIN_HEADER_LEN, Ipv4Fragment, writeIpv4Header } from "../wire/ipv4.ts";
import { IPV6_HEADER_LEN, IPV6_SOURCE, writeIpv6Header } from "../wire/ipv6.ts";
import {
  TCP_MIN_HEADER_LEN,
  writeTcpChecksum,
  writeTcpHeader,
  writeTcpMss,
  writeTcpNoOperation,
  writeTcpSackPermitted,
  writeTcpTimestamps,
  writeTcpWindowScale,
} from "../wire/tcp.ts";
import { ConnectionFlag, type ConnectionTable, REMOTE_WORDS } from "./connection_table.ts";

/** Octets of the timestamps option in every segment but a SYN: two octets of padding in front of it. */
export const TIMESTAMPS_LEN = 12;
/** Longest header of a segment that we build: IPv6 and a SYN with all options. */
export const SEGMENT_HEADER_MAX = IPV6_HEADER_LEN + TCP_MIN_HEADER_LEN + 20;

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** What all segments of a stack have in common. Addresses are words as an endpoint record has them. */
export interface LocalHost {
  /** IPv4 address; 0 if the stack has none. */
  readonly addressV4: number;
  /** IPv6 address, four words; all zero if the stack has none. */
  readonly addressV6: Uint32Array;
  /** TTL or hop limit of what we send. */
  readonly ttl: number;
}

/**
 * Makes the description of our side.
 *
 * @param addressV4 Four octets, or `undefined` for a stack without IPv4.
 * @param addressV6 Sixteen octets, or `undefined` for a stack without IPv6.
 */
export function createLocalHost(
  addressV4: Uint8Array | undefined,
  addressV6: Uint8Array | undefined,
  ttl: number,
): LocalHost {
  const octets = new Uint8Array(20);
  if (addressV4 !== undefined) octets.set(addressV4, 0);
  if (addressV6 !== undefined) octets.set(addressV6, 4);
  const words = new Uint32Array(octets.buffer);
  return { addressV4: words[0], addressV6: words.slice(1), ttl };
}

/** Returns the length of IP and TCP header of a segment that isn't a SYN. */
export function segmentHeaderLen(family: number, hasTimestamps: boolean): number {
  const ipLen = family === 4 ? IPV4_MIN_HEADER_LEN : IPV6_HEADER_LEN;
  return ipLen + TCP_MIN_HEADER_LEN + (hasTimestamps ? TIMESTAMPS_LEN : 0);
}

/** Returns the length of the headers of every segment but a SYN on a connection. */
export function rowHeaderLen(table: ConnectionTable, row: number): number {
  return segmentHeaderLen(table.remote[row * REMOTE_WORDS], hasTimestamps(table, row));
}

/**
 * Writes the headers of a segment, or super-segment, of a connection: everything but SYNs and resets.
 *
 * The window and the timestamp to echo are the row's; of its columns only `identification` is changed.
 *
 * @param view Buffer with at least {@linkcode rowHeaderLen} octets after `offset`; the payload follows them.
 * @param offset Where the IP header begins.
 * @param flags Bits of `TcpFlag`.
 * @param seq Sequence number of the first octet of payload.
 * @param ack Acknowledgment number.
 * @param nowMs Becomes the timestamp, if the connection has timestamps.
 * @param payloadLen Octets of payload, of all segments together; with the headers at most 65,535.
 * @param segmentCount Segments that the kernel will cut this one into, 1 or more; the identifications of all are taken.
 * @returns Octets of headers: the payload's distance from `offset`.
 */
export function writeSegment(
  view: DataView,
  offset: number,
  table: ConnectionTable,
  row: number,
  local: LocalHost,
  flags: number,
  seq: number,
  ack: number,
  nowMs: number,
  payloadLen: number,
  segmentCount: number,
): number {
  const timestamps = hasTimestamps(table, row);
  const tcpHeaderLen = TCP_MIN_HEADER_LEN + (timestamps ? TIMESTAMPS_LEN : 0);
  const identification = Atomics.add(table.identification, row, segmentCount) & 0xffff;
  const label = flowLabel(table.iss[row]);
  const tcpLen = tcpHeaderLen + payloadLen;
  const at = row * REMOTE_WORDS;
  const ipLen = writeIpHeader(view, offset, table.remote, at, local, identification, label, tcpLen);
  const tcpAt = offset + ipLen;
  const window = scaledWindow(table, row);
  writeTcpHeader(
    view,
    tcpAt,
    table.remote[at + REMOTE_WORDS - 1],
    table.remote[at + 1],
    seq,
    ack,
    tcpHeaderLen,
    flags,
    window,
  );
  if (timestamps) {
    writeTcpNoOperation(view, tcpAt + TCP_MIN_HEADER_LEN);
    writeTcpNoOperation(view, tcpAt + TCP_MIN_HEADER_LEN + 1);
    writeTcpTimestamps(
      view,
      tcpAt + TCP_MIN_HEADER_LEN + 2,
      timestampAt(nowMs, table.tsOffset[row]),
      table.tsRecent[row],
    );
  }
  openChecksum(view, offset, ipLen, tcpLen);
  return ipLen + tcpHeaderLen;
}

/** Options of a SYN; bits of the `options` of {@linkcode writeSyn}. */
export const SynOption = { MSS: 1, SACK_PERMITTED: 2, TIMESTAMPS: 4, WINDOW_SCALE: 8 } as const;

/**
 * Writes a SYN or SYN-ACK, whole: it has no payload. Options stand in the order of Linux, `tcp_options_write()`.
 *
 * @param view Buffer with at least {@linkcode SEGMENT_HEADER_MAX} octets after `offset`.
 * @param offset Where the IP header begins.
 * @param tuple Words of a tuple from `tupleAt` on.
 * @param identification Of the IPv4 packet, 16 bits.
 * @param flags SYN, or SYN and ACK.
 * @param seq Our initial sequence number.
 * @param ack Acknowledgment number, 0 in a SYN.
 * @param window As on the wire: the window of a SYN is never scaled.
 * @param options Bits of {@linkcode SynOption}; the values of the others are not looked at.
 * @returns Octets written.
 */
export function writeSyn(
  view: DataView,
  offset: number,
  tuple: Uint32Array,
  tupleAt: number,
  local: LocalHost,
  identification: number,
  flags: number,
  seq: number,
  ack: number,
  window: number,
  options: number,
  mss: number,
  windowScale: number,
  tsVal: number,
  tsEcr: number,
): number {
  const tcpHeaderLen = TCP_MIN_HEADER_LEN + synOptionsLen(options);
  const ipLen = writeIpHeader(view, offset, tuple, tupleAt, local, identification, flowLabel(seq), tcpHeaderLen);
  const tcpAt = offset + ipLen;
  const localPort = tuple[tupleAt + REMOTE_WORDS - 1];
  writeTcpHeader(view, tcpAt, localPort, tuple[tupleAt + 1], seq, ack, tcpHeaderLen, flags, window);
  let at = tcpAt + TCP_MIN_HEADER_LEN;
  if ((options & SynOption.MSS) !== 0) at = writeTcpMss(view, at, mss);
  if ((options & SynOption.TIMESTAMPS) !== 0) {
    if ((options & SynOption.SACK_PERMITTED) !== 0) at = writeTcpSackPermitted(view, at);
    else at = writeTcpNoOperation(view, writeTcpNoOperation(view, at));
    at = writeTcpTimestamps(view, at, tsVal, tsEcr);
  } else if ((options & SynOption.SACK_PERMITTED) !== 0) {
    at = writeTcpSackPermitted(view, writeTcpNoOperation(view, writeTcpNoOperation(view, at)));
  }
  if ((options & SynOption.WINDOW_SCALE) !== 0) writeTcpWindowScale(view, writeTcpNoOperation(view, at), windowScale);
  openChecksum(view, offset, ipLen, tcpHeaderLen);
  return ipLen + tcpHeaderLen;
}

function synOptionsLen(options: number): number {
  const hasMss = (options & SynOption.MSS) !== 0;
  const hasTimestamps = (options & SynOption.TIMESTAMPS) !== 0;
  const hasSackAlone = !hasTimestamps && (options & SynOption.SACK_PERMITTED) !== 0;
  const hasWindowScale = (options & SynOption.WINDOW_SCALE) !== 0;
  return (hasMss ? 4 : 0) + (hasTimestamps ? TIMESTAMPS_LEN : 0) + (hasSackAlone ? 4 : 0) + (hasWindowScale ? 4 : 0);
}

/**
 * Writes a segment without options, payload or connection: a reset. Its window is 0, its IPv4 identification 0.
 *
 * @param tuple Words of a tuple from `tupleAt` on.
 * @returns Octets written.
 */
export function writeReset(
  view: DataView,
  offset: number,
  tuple: Uint32Array,
  tupleAt: number,
  local: LocalHost,
  flags: number,
  seq: number,
  ack: number,
): number {
  const ipLen = writeIpHeader(view, offset, tuple, tupleAt, local, 0, 0, TCP_MIN_HEADER_LEN);
  const localPort = tuple[tupleAt + REMOTE_WORDS - 1];
  writeTcpHeader(view, offset + ipLen, localPort, tuple[tupleAt + 1], seq, ack, TCP_MIN_HEADER_LEN, flags, 0);
  openChecksum(view, offset, ipLen, TCP_MIN_HEADER_LEN);
  return ipLen + TCP_MIN_HEADER_LEN;
}

/** Writes an IP header without options and returns its length. */
function writeIpHeader(
  view: DataView,
  offset: number,
  tuple: Uint32Array,
  tupleAt: number,
  local: LocalHost,
  identification: number,
  label: number,
  tcpLen: number,
): number {
  if (tuple[tupleAt] === 4) {
    const totalLen = IPV4_MIN_HEADER_LEN + tcpLen;
    const source = networkOrder(local.addressV4);
    const destination = networkOrder(tuple[tupleAt + 2]);
    const { DF } = Ipv4Fragment;
    writeIpv4Header(view, offset, 0, totalLen, identification, DF, local.ttl, IpProtocol.TCP, source, destination);
    return IPV4_MIN_HEADER_LEN;
  }
  writeIpv6Header(view, offset, 0, label, tcpLen, IpProtocol.TCP, local.ttl);
  for (let word = 0; word < 4; word++) {
    view.setUint32(offset + IPV6_SOURCE + word * 4, local.addressV6[word], HOST_IS_LITTLE_ENDIAN);
    view.setUint32(offset + IPV6_SOURCE + 16 + word * 4, tuple[tupleAt + 2 + word], HOST_IS_LITTLE_ENDIAN);
  }
  return IPV6_HEADER_LEN;
}

/** Returns the number that four octets are, most significant first, from the word that they are in this host's memory. */
function networkOrder(word: number): number {
  if (!HOST_IS_LITTLE_ENDIAN) return word;
  return ((word << 24) | ((word & 0xff00) << 8) | ((word >>> 8) & 0xff00) | (word >>> 24)) >>> 0;
}

/**
 * The flow label of a connection: 20 bits that stay the same and that nobody can tell from a keyed hash, which Linux
 * has there (`ip6_make_flowlabel()`).
 */
function flowLabel(iss: number): number {
  return Math.imul(iss, 0x9e3779b1) >>> 12;
}

/** Leaves the sum of the pseudo-header in the checksum field. */
function openChecksum(view: DataView, offset: number, ipLen: number, tcpLen: number): void {
  const sum = ipLen === IPV6_HEADER_LEN
    ? pseudoHeaderSum6(view, offset, IpProtocol.TCP, tcpLen)
    : pseudoHeaderSum4(view, offset, IpProtocol.TCP, tcpLen);
  writeTcpChecksum(view, offset + ipLen, sum);
}

/**
 * Completes the checksum of a segment whose checksum is open.
 *
 * @param view The buffer; the segment was written by a function of this file, its payload stands behind it.
 * @param offset Where the IP header begins.
 * @param length Octets from there to the end of the payload.
 */
export function completeChecksum(view: DataView, offset: number, length: number): void {
  const ipLen = view.getUint8(offset) >>> 4 === 4 ? IPV4_MIN_HEADER_LEN : IPV6_HEADER_LEN;
  const sum = onesComplementSum(view, offset + ipLen, length - ipLen);
  writeTcpChecksum(view, offset + ipLen, checksumOf(sum));
}

/** Returns the timestamp at a time: milliseconds from a random beginning, as Linux counts (RFC 7323 §5.4). */
export function timestampAt(nowMs: number, tsOffset: number): number {
  return (nowMs + tsOffset) >>> 0;
}

/** Returns the window of a connection as it stands in every segment but a SYN. */
export function scaledWindow(table: ConnectionTable, row: number): number {
  return Math.min(table.rcvWnd[row] >>> table.rcvScale[row], 0xffff);
}

function hasTimestamps(table: ConnectionTable, row: number): boolean {
  return (Atomics.load(table.flags, row) & ConnectionFlag.TIMESTAMPS) !== 0;
}
