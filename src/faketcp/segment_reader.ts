// No allocation per packet in this file.
/**
 * Reads one segment in place: IP header, TCP header, options. The building side is `packet.ts`.
 *
 * {@linkcode checkSegment} decides once whether a packet is a segment that may be looked at, and fills a record that the
 * caller reuses. What no host sends in earnest is refused without an answer: fragments, extension headers, lengths that
 * contradict each other, combinations of control bits that mean nothing. A probe by such packets learns nothing of us.
 *
 * Whether the checksum is right is a question of its own ({@linkcode verifyChecksum}): with NEEDS_CSUM it isn't computed
 * yet, with DATA_VALID somebody has looked already (`linux/virtio_net.h`).
 *
 * @module
 */

import { Reason } from "../base/reason.ts";
import { addSums, onesComplementSum, pseudoHeaderSum4, pseudoHeaderSum6 } from "../wire/checksum.ts";
import {
  checkIpv4,
  IpProtocol,
  IPV4_DESTINATION,
  IPV4_SOURCE,
  isIpv4Fragment,
  readIpv4Protocol,
  readIpv4TotalLen,
} from "../wire/ipv4.ts";
import { checkIpv6, IPV6_HEADER_LEN, IPV6_SOURCE, readIpv6NextHeader, readIpv6PayloadLen } from "../wire/ipv6.ts";
import {
  checkTcp,
  readTcpAck,
  readTcpDestinationPort,
  readTcpFlags,
  readTcpSeq,
  readTcpSourcePort,
  readTcpWindow,
  TCP_MIN_HEADER_LEN,
  TcpFlag,
  TcpOption,
} from "../wire/tcp.ts";
import { REMOTE_WORDS } from "./connection_table.ts";
import { type LocalHost } from "./packet.ts";

/** Greatest shift of a window; a greater one counts as this one (RFC 7323 §2.3). */
export const WINDOW_SCALE_MAX = 14;

const HOST_IS_LITTLE_ENDIAN = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** What {@linkcode checkSegment} found. One record is used again and again. */
export interface SegmentInfo {
  /** Family, remote port, remote address, scope 0, local port: a tuple as `findConnection` takes it. */
  readonly tuple: Uint32Array;
  /** 4 or 6. */
  family: number;
  localPort: number;
  ipHeaderLen: number;
  /** Octets of IP and TCP header. */
  headerLen: number;
  /** Where the payload begins in the buffer. */
  payloadAt: number;
  payloadLen: number;
  seq: number;
  ack: number;
  /** Bits of {@linkcode TcpFlag}. */
  flags: number;
  /** As on the wire, not scaled. */
  window: number;
  hasTimestamps: boolean;
  tsVal: number;
  tsEcr: number;
  /** The MSS option of a SYN; 0 without. */
  mss: number;
  /** The window scale option of a SYN, 0 to 14; −1 without. */
  windowScale: number;
  /** Whether a SYN bears the SACK-permitted option. */
  sackPermitted: boolean;
}

/** Makes a record to be filled. */
export function createSegmentInfo(): SegmentInfo {
  return {
    tuple: new Uint32Array(REMOTE_WORDS),
    family: 0,
    localPort: 0,
    ipHeaderLen: 0,
    headerLen: 0,
    payloadAt: 0,
    payloadLen: 0,
    seq: 0,
    ack: 0,
    flags: 0,
    window: 0,
    hasTimestamps: false,
    tsVal: 0,
    tsEcr: 0,
    mss: 0,
    windowScale: -1,
    sackPermitted: false,
  };
}

/**
 * Control bits that go together, without ECE, CWR and PSH, which may stand beside each. The same list as in Linux,
 * `tcp_valid_flags` of `nf_conntrack_proto_tcp.c`.
 */
const VALID_FLAGS: readonly number[] = [
  TcpFlag.SYN,
  TcpFlag.SYN | TcpFlag.URG,
  TcpFlag.SYN | TcpFlag.ACK,
  TcpFlag.RST,
  TcpFlag.RST | TcpFlag.ACK,
  TcpFlag.FIN | TcpFlag.ACK,
  TcpFlag.FIN | TcpFlag.ACK | TcpFlag.URG,
  TcpFlag.ACK,
  TcpFlag.ACK | TcpFlag.URG,
];
const FLAGS_MASK = TcpFlag.FIN | TcpFlag.SYN | TcpFlag.RST | TcpFlag.ACK | TcpFlag.URG;
/** By control bits under the mask, whether they go together. */
const IS_VALID = Uint8Array.from({ length: FLAGS_MASK + 1 }, (_, flags) => VALID_FLAGS.includes(flags) ? 1 : 0);

/** The first word of options that are timestamps and nothing else, as everybody writes them (RFC 7323, appendix A). */
const TIMESTAMPS_ALONE = 0x0101080a;

/**
 * Reads a segment, or super-segment, into a record.
 *
 * @param view The buffer.
 * @param offset Where the IP header begins.
 * @param length Octets from there to the end of the packet; behind what the IP header announces may be padding.
 * @param local Our addresses: the segment must be sent to one of them.
 * @param info Filled if the segment is accepted, else in any state.
 * @returns `Reason.NONE`, `Reason.SEGMENT_FOREIGN` if it isn't TCP or not for us, or `Reason.SEGMENT_MALFORMED`.
 */
export function checkSegment(
  view: DataView,
  offset: number,
  length: number,
  local: LocalHost,
  info: SegmentInfo,
): number {
  const isV4 = length > 0 && view.getUint8(offset) >>> 4 === 4;
  const reason = isV4 ? readIpv4(view, offset, length, local, info) : readIpv6(view, offset, length, local, info);
  if (reason !== Reason.NONE) return reason;
  const tcpAt = offset + info.ipHeaderLen;
  const tcpHeaderLen = checkTcp(view, tcpAt, info.payloadLen);
  if (tcpHeaderLen === 0) return Reason.SEGMENT_MALFORMED;
  info.headerLen = info.ipHeaderLen + tcpHeaderLen;
  info.payloadAt = offset + info.headerLen;
  info.payloadLen -= tcpHeaderLen;
  info.flags = readTcpFlags(view, tcpAt);
  if (IS_VALID[info.flags & FLAGS_MASK] === 0) return Reason.SEGMENT_MALFORMED;
  const remotePort = readTcpSourcePort(view, tcpAt);
  info.localPort = readTcpDestinationPort(view, tcpAt);
  if (remotePort === 0 || info.localPort === 0) return Reason.SEGMENT_MALFORMED;
  info.tuple[1] = remotePort;
  info.tuple[REMOTE_WORDS - 1] = info.localPort;
  info.seq = readTcpSeq(view, tcpAt);
  info.ack = readTcpAck(view, tcpAt);
  info.window = readTcpWindow(view, tcpAt);
  readOptions(view, tcpAt, tcpHeaderLen, info);
  return Reason.NONE;
}

/** Reads an IPv4 header into the record; `payloadLen` then counts the TCP header too. */
function readIpv4(view: DataView, offset: number, length: number, local: LocalHost, info: SegmentInfo): number {
  const headerLen = checkIpv4(view, offset, length);
  const totalLen = headerLen === 0 ? 0 : readIpv4TotalLen(view, offset);
  if (headerLen === 0 || totalLen < headerLen || totalLen > length) return Reason.SEGMENT_MALFORMED;
  const source = view.getUint32(offset + IPV4_SOURCE, HOST_IS_LITTLE_ENDIAN);
  const destination = view.getUint32(offset + IPV4_DESTINATION, HOST_IS_LITTLE_ENDIAN);
  if (readIpv4Protocol(view, offset) !== IpProtocol.TCP) return Reason.SEGMENT_FOREIGN;
  // A packet from our own address is forged: answering it would be a talk with ourselves.
  const isOurs = destination === local.addressV4 && destination !== 0;
  if (!isOurs || source === destination || source === 0) return Reason.SEGMENT_FOREIGN;
  if (isIpv4Fragment(view, offset)) return Reason.SEGMENT_MALFORMED;
  info.family = 4;
  info.ipHeaderLen = headerLen;
  info.payloadLen = totalLen - headerLen;
  info.tuple[0] = 4;
  info.tuple[2] = source;
  info.tuple[3] = 0;
  info.tuple[4] = 0;
  info.tuple[5] = 0;
  return Reason.NONE;
}

/** Reads an IPv6 header into the record; `payloadLen` then counts the TCP header too. */
function readIpv6(view: DataView, offset: number, length: number, local: LocalHost, info: SegmentInfo): number {
  if (checkIpv6(view, offset, length) === 0) return Reason.SEGMENT_MALFORMED;
  const payloadLen = readIpv6PayloadLen(view, offset);
  if (payloadLen === 0 || IPV6_HEADER_LEN + payloadLen > length) return Reason.SEGMENT_MALFORMED;
  if (readIpv6NextHeader(view, offset) !== IpProtocol.TCP) return Reason.SEGMENT_FOREIGN;
  let different = 0;
  let anySource = 0;
  let anyDestination = 0;
  for (let word = 0; word < 4; word++) {
    const source = view.getUint32(offset + IPV6_SOURCE + word * 4, HOST_IS_LITTLE_ENDIAN);
    const destination = view.getUint32(offset + IPV6_SOURCE + 16 + word * 4, HOST_IS_LITTLE_ENDIAN);
    if (destination !== local.addressV6[word]) return Reason.SEGMENT_FOREIGN;
    info.tuple[2 + word] = source;
    different |= source ^ destination;
    anySource |= source;
    anyDestination |= destination;
  }
  if (different === 0 || anySource === 0 || anyDestination === 0) return Reason.SEGMENT_FOREIGN;
  info.family = 6;
  info.ipHeaderLen = IPV6_HEADER_LEN;
  info.payloadLen = payloadLen;
  info.tuple[0] = 6;
  return Reason.NONE;
}

/**
 * Reads the options that we know. An option of impossible length ends the walk, as in Linux, `tcp_parse_options()`;
 * what only means something in a SYN is read only there.
 */
function readOptions(view: DataView, tcpAt: number, tcpHeaderLen: number, info: SegmentInfo): void {
  info.hasTimestamps = false;
  info.mss = 0;
  info.windowScale = -1;
  info.sackPermitted = false;
  let at = tcpAt + TCP_MIN_HEADER_LEN;
  const end = tcpAt + tcpHeaderLen;
  if (end - at === 12 && view.getUint32(at) === TIMESTAMPS_ALONE) {
    readTimestamps(view, at + 2, info);
    return;
  }
  while (at < end) {
    const kind = view.getUint8(at);
    if (kind === TcpOption.END) return;
    if (kind === TcpOption.NO_OPERATION) {
      at++;
      continue;
    }
    const optionLen = at + 1 < end ? view.getUint8(at + 1) : 0;
    if (optionLen < 2 || at + optionLen > end) return;
    if (kind === TcpOption.TIMESTAMPS && optionLen === 10) readTimestamps(view, at, info);
    else if ((info.flags & TcpFlag.SYN) !== 0) readSynOption(view, at, kind, optionLen, info);
    at += optionLen;
  }
}

function readTimestamps(view: DataView, at: number, info: SegmentInfo): void {
  info.hasTimestamps = true;
  info.tsVal = view.getUint32(at + 2);
  info.tsEcr = view.getUint32(at + 6);
}

function readSynOption(view: DataView, at: number, kind: number, optionLen: number, info: SegmentInfo): void {
  if (kind === TcpOption.MSS && optionLen === 4) {
    info.mss = view.getUint16(at + 2);
  } else if (kind === TcpOption.WINDOW_SCALE && optionLen === 3) {
    info.windowScale = Math.min(view.getUint8(at + 2), WINDOW_SCALE_MAX);
  } else if (kind === TcpOption.SACK_PERMITTED && optionLen === 2) {
    info.sackPermitted = true;
  }
}

/**
 * Verifies the checksums of a segment that {@linkcode checkSegment} accepted: the TCP checksum and that of the IPv4 header.
 *
 * @param view The buffer, as it was checked.
 * @param offset Where the IP header begins.
 * @param info What was found there.
 * @param tcpSum One's complement sum of TCP header and payload, if somebody has it.
 * @returns `Reason.NONE` or `Reason.SEGMENT_CHECKSUM`.
 */
export function verifyChecksum(
  view: DataView,
  offset: number,
  info: SegmentInfo,
  tcpSum: number = onesComplementSum(view, offset + info.ipHeaderLen, tcpLength(info)),
): number {
  const tcpLen = tcpLength(info);
  const isV4 = info.family === 4;
  if (isV4 && onesComplementSum(view, offset, info.ipHeaderLen) !== 0xffff) return Reason.SEGMENT_CHECKSUM;
  const pseudo = isV4
    ? pseudoHeaderSum4(view, offset, IpProtocol.TCP, tcpLen)
    : pseudoHeaderSum6(view, offset, IpProtocol.TCP, tcpLen);
  return addSums(pseudo, tcpSum) === 0xffff ? Reason.NONE : Reason.SEGMENT_CHECKSUM;
}

/** Returns the length of TCP header and payload. */
export function tcpLength(info: SegmentInfo): number {
  return info.headerLen - info.ipHeaderLen + info.payloadLen;
}

/** Returns how many sequence numbers a segment takes: its payload, and one each for SYN and FIN (RFC 9293 §3.4). */
export function segmentLen(info: SegmentInfo): number {
  return info.payloadLen + ((info.flags & TcpFlag.SYN) !== 0 ? 1 : 0) + ((info.flags & TcpFlag.FIN) !== 0 ? 1 : 0);
}
