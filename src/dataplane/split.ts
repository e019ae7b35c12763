// No allocation per packet in this file.
/**
 * Splits the super-frames that a TAP delivers into frames that fit the wire, without touching a payload.
 *
 * A TAP with segmentation offload hands over up to 64 KiB of TCP or UDP payload behind one set of headers, with a
 * `virtio_net_hdr` that tells how the network card would cut it. We cut it the same way, but only write down how: for each
 * segment its headers, and where in the super-frame its payload lies. The C shim copies both where the segment is to be
 * sealed and completes the transport checksum there, while the octets are in the cache anyway.
 *
 * What is changed from segment to segment follows the kernel's `tcp_gso_segment`, `__udp_gso_segment` and
 * `inet_gso_segment`: the IPv4 identification counts up, CWR stays on the first segment, FIN and PSH on the last.
 *
 * Where the path carries less than the TAP believes, TCP is cut shorter than the host asked for: a byte stream has no
 * borders. A single segment is cut only while its checksum is open, that is before it has left its host.
 *
 * @module
 */
import { Reason } from "../base/reason.ts";
import { checksumOf, foldSum, onesComplementSum, pseudoHeaderSum4, pseudoHeaderSum6 } from "../wire/checksum.ts";
import { checkEthernet, ETHERNET_HEADER_LEN } from "../wire/ethernet.ts";
import {
  IpProtocol,
  IPV4_MAX_TOTAL_LEN,
  readIpv4Identification,
  writeIpv4Checksum,
  writeIpv4Identification,
  writeIpv4TotalLen,
} from "../wire/ipv4.ts";
import { IPV6_HEADER_LEN, writeIpv6PayloadLen } from "../wire/ipv6.ts";
import { seqAdd } from "../wire/sequence.ts";
import { readTcpFlags, readTcpSeq, TCP_CHECKSUM, TcpFlag, writeTcpFlags, writeTcpSeq } from "../wire/tcp.ts";
import { UDP_CHECKSUM, writeUdpLen } from "../wire/udp.ts";
import {
  checkVirtioNetHdr,
  GsoType,
  readCsumOffset,
  readCsumStart,
  readGsoSize,
  readGsoType,
  readVirtioFlags,
  VIRTIO_NET_HDR_LEN,
  VirtioNetFlag,
} from "../wire/virtio_net_hdr.ts";
import { FrameLayout, readFrameLayout } from "./frame_layout.ts";
import { packetLen } from "./merge_rules.ts";
import { NO_FRAME_LIMIT } from "./path_limit.ts";

/** Octets from one header slot to the next, and so the most that the headers of a segment may have. */
export const PIECE_HEADER_STRIDE = 256;

/**
 * The frames that a burst was split into, one row each: headers in {@linkcode headers}, followed by payload that still
 * lies in the buffer that was read into.
 *
 * Rows and header slots are valid until {@linkcode clear}.
 */
export class PieceList {
  /** Most rows that fit. */
  readonly capacity: number;
  /** Rows in use. */
  count = 0;
  /** Rewritten headers, a slot of {@linkcode PIECE_HEADER_STRIDE} octets per row. */
  readonly headers: Uint8Array;
  /** The same octets. */
  readonly headerView: DataView;
  /** The same octets; slots are copied by words. */
  readonly headerWords: Uint32Array;
  /** Where in `headers` the row's headers begin. */
  readonly headerAt: Uint32Array;
  /** Octets of headers; 0 if the frame is sent as it lies in the buffer. */
  readonly headerLen: Uint32Array;
  /** Where in the buffer the payload begins, or the whole frame. */
  readonly payloadAt: Uint32Array;
  /** Octets of payload, or of the whole frame. */
  readonly payloadLen: Uint32Array;
  /** Where in the frame the sum begins that completes the transport checksum; 0 if it is complete. */
  readonly csumStart: Uint32Array;
  /** Where behind `csumStart` the checksum stands, holding what has been summed so far. */
  readonly csumOffset: Uint32Array;

  /** @param capacity Rows; a burst that needs more is handled in several turns. */
  constructor(capacity: number) {
    this.capacity = capacity;
    const octets = new ArrayBuffer(capacity * PIECE_HEADER_STRIDE);
    this.headers = new Uint8Array(octets);
    this.headerView = new DataView(octets);
    this.headerWords = new Uint32Array(octets);
    this.headerAt = new Uint32Array(capacity);
    this.headerLen = new Uint32Array(capacity);
    this.payloadAt = new Uint32Array(capacity);
    this.payloadLen = new Uint32Array(capacity);
    this.csumStart = new Uint32Array(capacity);
    this.csumOffset = new Uint32Array(capacity);
  }

  /** Empties the list; its header slots are written anew. */
  clear(): void {
    this.count = 0;
  }

  /**
   * Appends a row; the list must have room. The row's headers, if any, are in its slot, at
   * `row × `{@linkcode PIECE_HEADER_STRIDE}.
   */
  append(headerLen: number, payloadAt: number, payloadLen: number, csumStart: number, csumOffset: number): void {
    const row = this.count++;
    this.headerAt[row] = row * PIECE_HEADER_STRIDE;
    this.headerLen[row] = headerLen;
    this.payloadAt[row] = payloadAt;
    this.payloadLen[row] = payloadLen;
    this.csumStart[row] = csumStart;
    this.csumOffset[row] = csumOffset;
  }
}

/** Filled for each super-frame; nothing of it outlives {@linkcode splitFrame}. */
const layout = new FrameLayout();

/**
 * Splits one frame from a TAP and appends what it consists of to a list: a row for each segment of a super-frame, or one
 * row for an ordinary frame.
 *
 * A row's checksum field holds the folded sum of the pseudo-header. Whoever assembles the frame sums it from `csumStart`
 * to its end, and writes the complement at `csumStart + csumOffset`; in UDP, 0xffff in place of 0.
 *
 * The lengths that the IP and UDP headers of a super-frame claim are not read: the frame's own length decides, as in the
 * kernel's `inet_gso_segment`.
 *
 * @param frames The buffer; only the frame and the virtio header in front of it are read, nothing is written.
 * @param view The same buffer.
 * @param frameAt Where the frame begins, at least `VIRTIO_NET_HDR_LEN`; its virtio header stands in front of it.
 * @param frameLen Octets of the frame.
 * @param out Receives the rows.
 * @param maxFrameLen Longest frame that the path carries, in octets.
 * @returns Count of rows appended; or 0 if `out` has no room left for this frame and must be emptied first (an empty list
 * never gives 0); or a negative `Reason` for which the frame is dropped: `FRAME_TRUNCATED`; `FRAME_OFFLOAD` if the virtio
 * header contradicts the frame; `PATH_OVERSIZED` if a row would be longer than `maxFrameLen`.
 */
export function splitFrame(
  frames: Uint8Array,
  view: DataView,
  frameAt: number,
  frameLen: number,
  out: PieceList,
  maxFrameLen: number = NO_FRAME_LIMIT,
): number {
  const truncated = checkEthernet(frameLen);
  if (truncated !== Reason.NONE) return -truncated;
  const hdrAt = frameAt - VIRTIO_NET_HDR_LEN;
  const contradiction = checkVirtioNetHdr(view, hdrAt, frameLen);
  if (contradiction !== Reason.NONE) return -contradiction;
  const isSuperFrame = readGsoType(view, hdrAt) !== GsoType.NONE;
  if (!isSuperFrame && frameLen <= maxFrameLen) return appendWhole(view, frameAt, frameLen, out);

  readFrameLayout(view, frameAt, frameLen, layout);
  if (isSuperFrame) {
    if (!offloadMatchesLayout(view, hdrAt)) return -Reason.FRAME_OFFLOAD;
    return appendSegments(frames, frameAt, frameLen, readGsoSize(view, hdrAt), maxFrameLen, out);
  }
  if (!isUncutSegment(view, frameAt, frameLen)) return -Reason.PATH_OVERSIZED;
  return appendSegments(frames, frameAt, frameLen, frameLen, maxFrameLen, out);
}

/** Appends an ordinary frame as it lies in the buffer. */
function appendWhole(view: DataView, frameAt: number, frameLen: number, out: PieceList): number {
  if (out.count === out.capacity) return 0;
  let csumStart = 0;
  let csumOffset = 0;
  const hdrAt = frameAt - VIRTIO_NET_HDR_LEN;
  if ((readVirtioFlags(view, hdrAt) & VirtioNetFlag.NEEDS_CSUM) !== 0) {
    csumStart = readCsumStart(view, hdrAt);
    csumOffset = readCsumOffset(view, hdrAt);
    if (csumStart < ETHERNET_HEADER_LEN) return -Reason.FRAME_OFFLOAD;
  }
  out.append(0, frameAt, frameLen, csumStart, csumOffset);
  return 1;
}

/**
 * Appends a row for each segment of a super-frame, whose layout has been read.
 *
 * @param wantedSize Octets of payload in each segment but the last, if the path carries that.
 */
function appendSegments(
  frames: Uint8Array,
  frameAt: number,
  frameLen: number,
  wantedSize: number,
  maxFrameLen: number,
  out: PieceList,
): number {
  const headerLen = layout.headerLen;
  const payloadLen = frameLen - headerLen;
  if (payloadLen === 0 || headerLen > PIECE_HEADER_STRIDE) return -Reason.FRAME_OFFLOAD;
  let gsoSize = Math.min(wantedSize, payloadLen);
  let excess: number = Reason.FRAME_OFFLOAD;
  if (gsoSize > maxFrameLen - headerLen) {
    if (layout.protocol !== IpProtocol.TCP || headerLen >= maxFrameLen) return -Reason.PATH_OVERSIZED;
    gsoSize = maxFrameLen - headerLen;
    excess = Reason.PATH_OVERSIZED;
  }
  // The total length of IPv4 is the tightest of the length fields to be written.
  if (headerLen - layout.network + gsoSize > IPV4_MAX_TOTAL_LEN) return -Reason.FRAME_OFFLOAD;
  const segments = Math.ceil(payloadLen / gsoSize);
  if (segments > out.capacity) return -excess;
  if (segments > out.capacity - out.count) return 0;

  const first = out.count;
  const template = first * PIECE_HEADER_STRIDE;
  for (let i = 0; i < headerLen; i++) out.headers[template + i] = frames[frameAt + i];
  const flags = clearTcpFlags(out.headerView, template);
  const lastLen = payloadLen - (segments - 1) * gsoSize;
  writeLengths(out.headerView, template, gsoSize);
  fillRows(out, segments, frameAt + headerLen, gsoSize, lastLen);
  if (layout.version === 4) numberPackets(out.headerView, template, segments);
  if (layout.protocol === IpProtocol.TCP) numberSegments(out.headerView, template, segments, gsoSize, flags);
  if (lastLen !== gsoSize) shortenLast(out.headerView, template + (segments - 1) * PIECE_HEADER_STRIDE, lastLen);
  out.count = first + segments;
  return segments;
}

/** Tells whether the virtio header describes the protocols, and places the checksum, that were found in the frame. */
function offloadMatchesLayout(view: DataView, hdrAt: number): boolean {
  if (layout.headerLen === 0) return false;
  let csumOffset = TCP_CHECKSUM;
  switch (readGsoType(view, hdrAt)) {
    case GsoType.TCPV4:
      if (layout.version !== 4 || layout.protocol !== IpProtocol.TCP) return false;
      break;
    case GsoType.TCPV6:
      if (layout.version !== 6 || layout.protocol !== IpProtocol.TCP) return false;
      break;
    default:
      if (layout.protocol !== IpProtocol.UDP) return false;
      csumOffset = UDP_CHECKSUM;
  }
  if ((readVirtioFlags(view, hdrAt) & VirtioNetFlag.NEEDS_CSUM) === 0) return true;
  return readCsumStart(view, hdrAt) === layout.transport && readCsumOffset(view, hdrAt) === csumOffset;
}

/**
 * Tells whether an ordinary frame can be cut like a super-frame: one TCP segment whose checksum its host has left open.
 *
 * SYN takes a sequence number of its own, an urgent pointer counts from its segment's, and RST ends the stream: such
 * segments stay whole. Padding would become payload, so there must be none.
 */
function isUncutSegment(view: DataView, frameAt: number, frameLen: number): boolean {
  const hdrAt = frameAt - VIRTIO_NET_HDR_LEN;
  if (layout.headerLen === 0 || layout.protocol !== IpProtocol.TCP) return false;
  if ((readVirtioFlags(view, hdrAt) & VirtioNetFlag.NEEDS_CSUM) === 0) return false;
  if (readCsumStart(view, hdrAt) !== layout.transport || readCsumOffset(view, hdrAt) !== TCP_CHECKSUM) return false;
  if (packetLen(view, frameAt, frameLen, layout) !== frameLen - layout.network) return false;
  const flags = readTcpFlags(view, frameAt + layout.transport);
  return (flags & (TcpFlag.SYN | TcpFlag.RST | TcpFlag.URG)) === 0;
}

/** Clears what only the first or last segment may have set, and returns the flags as they were; 0 in UDP. */
function clearTcpFlags(headers: DataView, at: number): number {
  if (layout.protocol !== IpProtocol.TCP) return 0;
  const flags = readTcpFlags(headers, at + layout.transport);
  writeTcpFlags(headers, at + layout.transport, flags & ~(TcpFlag.CWR | TcpFlag.FIN | TcpFlag.PSH));
  return flags;
}

/** Writes every field of one header slot that follows from the segment's payload length, but the IPv4 checksum. */
function writeLengths(headers: DataView, at: number, payloadLen: number): void {
  const ipAt = at + layout.network;
  const transportLen = layout.headerLen - layout.transport + payloadLen;
  let partialSum: number;
  if (layout.version === 4) {
    writeIpv4TotalLen(headers, ipAt, layout.transport - layout.network + transportLen);
    partialSum = pseudoHeaderSum4(headers, ipAt, layout.protocol, transportLen);
  } else {
    writeIpv6PayloadLen(headers, ipAt, layout.transport - layout.network - IPV6_HEADER_LEN + transportLen);
    partialSum = pseudoHeaderSum6(headers, ipAt, layout.protocol, transportLen);
  }
  const transportAt = at + layout.transport;
  if (layout.protocol === IpProtocol.UDP) {
    writeUdpLen(headers, transportAt, transportLen);
    headers.setUint16(transportAt + UDP_CHECKSUM, partialSum);
  } else {
    headers.setUint16(transportAt + TCP_CHECKSUM, partialSum);
  }
}

/** Fills a row for each segment and copies the first slot, which has been written, to the others. */
function fillRows(out: PieceList, segments: number, payloadAt: number, gsoSize: number, lastLen: number): void {
  const first = out.count;
  const slotWords = PIECE_HEADER_STRIDE / 4;
  const words = out.headerWords;
  const template = first * slotWords;
  const templateEnd = template + ((layout.headerLen + 3) >>> 2);
  const csumOffset = layout.protocol === IpProtocol.UDP ? UDP_CHECKSUM : TCP_CHECKSUM;
  for (let i = 0; i < segments; i++) {
    const row = first + i;
    out.headerAt[row] = row * PIECE_HEADER_STRIDE;
    out.headerLen[row] = layout.headerLen;
    out.payloadAt[row] = payloadAt + i * gsoSize;
    out.payloadLen[row] = i === segments - 1 ? lastLen : gsoSize;
    out.csumStart[row] = layout.transport;
    out.csumOffset[row] = csumOffset;
    if (i === 0) continue;
    for (let from = template, to = row * slotWords; from < templateEnd; from++, to++) words[to] = words[from];
  }
}

/** Gives the packets, of equal length until now, their identifications, and the header checksums that follow from them. */
function numberPackets(headers: DataView, template: number, segments: number): void {
  let ipAt = template + layout.network;
  const identification = readIpv4Identification(headers, ipAt);
  writeIpv4Identification(headers, ipAt, 0);
  writeIpv4Checksum(headers, ipAt, 0);
  const commonSum = onesComplementSum(headers, ipAt, layout.transport - layout.network);
  for (let i = 0; i < segments; i++) {
    const id = (identification + i) & 0xffff;
    writeIpv4Identification(headers, ipAt, id);
    writeIpv4Checksum(headers, ipAt, checksumOf(foldSum(commonSum + id)));
    ipAt += PIECE_HEADER_STRIDE;
  }
}

/** Gives the segments their sequence numbers, and `flags` back to the one that bears each. */
function numberSegments(headers: DataView, template: number, segments: number, gsoSize: number, flags: number): void {
  const tcpAt = template + layout.transport;
  const seq = readTcpSeq(headers, tcpAt);
  for (let i = 1; i < segments; i++) {
    writeTcpSeq(headers, tcpAt + i * PIECE_HEADER_STRIDE, seqAdd(seq, i * gsoSize));
  }
  writeTcpFlags(headers, tcpAt, readTcpFlags(headers, tcpAt) | (flags & TcpFlag.CWR));
  const lastAt = tcpAt + (segments - 1) * PIECE_HEADER_STRIDE;
  writeTcpFlags(headers, lastAt, readTcpFlags(headers, lastAt) | (flags & (TcpFlag.FIN | TcpFlag.PSH)));
}

/** Writes the last slot's lengths, and what follows from them, for a payload shorter than the others'. */
function shortenLast(headers: DataView, at: number, payloadLen: number): void {
  writeLengths(headers, at, payloadLen);
  if (layout.version !== 4) return;
  const ipAt = at + layout.network;
  writeIpv4Checksum(headers, ipAt, 0);
  writeIpv4Checksum(headers, ipAt, checksumOf(onesComplementSum(headers, ipAt, layout.transport - layout.network)));
}
