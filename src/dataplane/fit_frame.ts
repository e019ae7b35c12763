// No allocation per packet in this file.
/**
 * Makes frames fit the path to a peer, or says why they can't.
 *
 * A path may carry less than the interface promises to the hosts behind it, and which path is in use may change from one
 * burst to the next. In this order, by what disturbs least:
 *
 * 1. a SYN passes with a lower MSS, so that what follows fits by itself (`mss_clamp.ts`);
 * 2. TCP that the local host has not finished yet is cut into shorter segments (`split.ts`);
 * 3. a sender that forbids fragments, or must not expect them, is told how long its packets may be (`too_big.ts`);
 * 4. the rest of IP is fragmented (`ipv4_fragments.ts`, `ipv6_fragments.ts`);
 * 5. what isn't IP is dropped: nothing in it says how it could be cut, or whom to tell.
 *
 * @module
 */

import { Reason } from "../base/reason.ts";
import { addSums, checksumOf, onesComplementSum } from "../wire/checksum.ts";
import { checkEthernet } from "../wire/ethernet.ts";
import { Ipv4Fragment, readIpv4Fragment } from "../wire/ipv4.ts";
import { UDP_CHECKSUM } from "../wire/udp.ts";
import { readVirtioFlags, VIRTIO_NET_HDR_LEN, VirtioNetFlag, writeVirtioFlags } from "../wire/virtio_net_hdr.ts";
import { FrameLayout, readFrameLayout } from "./frame_layout.ts";
import { appendIpv4Fragments } from "./ipv4_fragments.ts";
import { appendIpv6Fragments } from "./ipv6_fragments.ts";
import { packetLen } from "./merge_rules.ts";
import { clampMss } from "./mss_clamp.ts";
import { NO_FRAME_LIMIT } from "./path_limit.ts";
import { PieceReader } from "./piece_reader.ts";
import { PIECE_HEADER_STRIDE, PieceList, splitFrame } from "./split.ts";
import { createTooBigAnswer, IPV6_MIN_MTU, type TooBigAnswer, writeTooBig } from "./too_big.ts";

/** Datagrams of one super-frame; the kernel puts 128 into one at most (`UDP_MAX_SEGMENTS`, `linux/udp.h`). */
const SEGMENTS_MAX = 128;
/** Sum of an intact IPv4 header. */
const INTACT_SUM = 0xffff;

/** Makes the frames of one lane fit. */
export class FrameFitter {
  /** After a call that returned `−PATH_OVERSIZED`: what to send back to where the frame came from, if its length isn't 0. */
  readonly answer: TooBigAnswer = createTooBigAnswer();
  readonly #segments = new PieceList(SEGMENTS_MAX);
  readonly #packet = new PieceReader();
  readonly #layout = new FrameLayout();
  #identification: number;

  /** @param identification Of the first IPv6 packet to be fragmented, random, 32 bits; different for each lane. */
  constructor(identification: number) {
    this.#identification = identification | 0;
  }

  /**
   * Splits a frame from a TAP, like {@linkcode splitFrame}, into rows that fit.
   *
   * The frame may be changed in place: the MSS of a SYN, or an open checksum that is completed. Calling again with the same
   * frame, after the list has been emptied, is right.
   *
   * @param octets The buffer; the frame's virtio header stands in front of it.
   * @param view The same buffer.
   * @param maxFrameLen Longest frame that the path carries, in octets; see `maxFrameLen()` in `path_limit.ts`.
   * @param out Receives the rows.
   * @returns Count of rows appended; or 0 if `out` has no room left for this frame and must be emptied first; or a negative
   * `Reason` for which the frame is dropped: those of {@linkcode splitFrame}. After `−PATH_OVERSIZED` look at
   * {@linkcode answer}.
   */
  fitTapFrame(
    octets: Uint8Array,
    view: DataView,
    frameAt: number,
    frameLen: number,
    maxFrameLen: number,
    out: PieceList,
  ): number {
    this.answer.length = 0;
    const rows = splitFrame(octets, view, frameAt, frameLen, out, maxFrameLen);
    if (rows === 1 && maxFrameLen !== NO_FRAME_LIMIT && out.headerLen[out.count - 1] === 0) {
      clampMss(view, frameAt, frameLen, maxFrameLen, out.csumStart[out.count - 1] !== 0);
    }
    if (rows !== -Reason.PATH_OVERSIZED) return rows;

    this.#segments.clear();
    const segments = splitFrame(octets, view, frameAt, frameLen, this.#segments);
    if (segments < 0) return segments;
    this.#completeChecksums(view, frameAt);
    return this.#fitSegments(octets, view, frameAt, frameLen, maxFrameLen, out);
  }

  /**
   * Makes a frame fit that has no virtio header, as one that is relayed.
   *
   * The frame may be changed in place: the MSS of a SYN.
   *
   * @param octets The buffer.
   * @param view The same buffer.
   * @param maxFrameLen As for {@linkcode fitTapFrame}.
   * @param out Receives the rows: one, if the frame fits.
   * @returns As for {@linkcode fitTapFrame}.
   */
  fitPlainFrame(
    octets: Uint8Array,
    view: DataView,
    frameAt: number,
    frameLen: number,
    maxFrameLen: number,
    out: PieceList,
  ): number {
    this.answer.length = 0;
    const truncated = checkEthernet(frameLen);
    if (truncated !== Reason.NONE) return -truncated;
    if (frameLen <= maxFrameLen) {
      if (out.count === out.capacity) return 0;
      if (maxFrameLen !== NO_FRAME_LIMIT) clampMss(view, frameAt, frameLen, maxFrameLen, false);
      out.append(0, frameAt, frameLen, 0, 0);
      return 1;
    }
    this.#segments.clear();
    this.#segments.append(0, frameAt, frameLen, 0, 0);
    return this.#fitSegments(octets, view, frameAt, frameLen, maxFrameLen, out);
  }

  /** Completes what the segments' checksums lack, so that they can be cut anywhere, and quoted. */
  #completeChecksums(view: DataView, frameAt: number): void {
    const segments = this.#segments;
    for (let row = 0; row < segments.count; row++) {
      if (segments.csumStart[row] !== 0) completeChecksum(segments, row, view);
    }
    if (segments.headerLen[0] > 0) return;
    // The checksum was completed where the frame lies: nobody must do it a second time.
    const hdrAt = frameAt - VIRTIO_NET_HDR_LEN;
    writeVirtioFlags(view, hdrAt, readVirtioFlags(view, hdrAt) & ~VirtioNetFlag.NEEDS_CSUM);
  }

  /** Makes each segment of a frame fit; what can't be done for one is done for none. */
  #fitSegments(
    octets: Uint8Array,
    view: DataView,
    frameAt: number,
    frameLen: number,
    maxFrameLen: number,
    out: PieceList,
  ): number {
    const before = out.count;
    readFrameLayout(view, frameAt, frameLen, this.#layout);
    if (this.#layout.version === 0) return -Reason.PATH_OVERSIZED;
    for (let row = 0; row < this.#segments.count; row++) {
      this.#packet.point(this.#segments, row, octets, view);
      const rows = this.#fitPacket(row, maxFrameLen, out);
      if (rows > 0) continue;
      out.count = before;
      return rows === 0 && before === 0 ? -Reason.PATH_OVERSIZED : rows;
    }
    return out.count - before;
  }

  /** Appends what the segment in `row`, at which the reader points, becomes. Returns as the public functions do. */
  #fitPacket(row: number, maxFrameLen: number, out: PieceList): number {
    const packet = this.#packet;
    const layout = this.#layout;
    const { network, transport } = layout;
    const { headerView, at } = packet;
    const length = packetLen(headerView, at, packet.frameLen, layout);
    // Nobody can use a packet whose own lengths or checksum contradict it.
    if (length <= transport - network) return -Reason.PATH_OVERSIZED;
    if (layout.version === 4 && onesComplementSum(headerView, at + network, transport - network) !== INTACT_SUM) {
      return -Reason.PATH_OVERSIZED;
    }
    // Padding isn't part of the packet, and its sender wouldn't know what to make of a complaint about it.
    packet.frameLen = network + length;
    if (packet.frameLen <= maxFrameLen) return this.#appendWhole(row, out);

    if (layout.version === 4) {
      if ((readIpv4Fragment(headerView, at + network) & Ipv4Fragment.DF) === 0) {
        return appendIpv4Fragments(packet, layout, maxFrameLen, out);
      }
      writeTooBig(packet, layout, maxFrameLen, this.answer);
      return -Reason.PATH_OVERSIZED;
    }
    if (length > IPV6_MIN_MTU && writeTooBig(packet, layout, maxFrameLen, this.answer)) return -Reason.PATH_OVERSIZED;
    this.#identification = (this.#identification + 1) | 0;
    return appendIpv6Fragments(packet, layout, maxFrameLen, this.#identification, out);
  }

  /** Appends a segment that fits now. */
  #appendWhole(row: number, out: PieceList): number {
    if (out.count === out.capacity) return 0;
    const headerLen = this.#segments.headerLen[row];
    this.#packet.copy(0, headerLen, out.headers, out.count * PIECE_HEADER_STRIDE);
    out.append(headerLen, this.#segments.payloadAt[row], this.#packet.frameLen - headerLen, 0, 0);
    return 1;
  }
}

/** Completes a row's checksum, as `VIRTIO_NET_HDR_F_NEEDS_CSUM` asks (virtio 1.2 §5.1.6.2). */
function completeChecksum(list: PieceList, row: number, view: DataView): void {
  const start = list.csumStart[row];
  const headerLen = list.headerLen[row];
  const payloadAt = list.payloadAt[row];
  const payloadLen = list.payloadLen[row];
  const headers = headerLen > 0 ? list.headerView : view;
  const startAt = (headerLen > 0 ? list.headerAt[row] : payloadAt) + start;
  // Transport headers in a slot have an even length, so that the sums of both parts can be added.
  const sum = headerLen > 0
    ? addSums(onesComplementSum(headers, startAt, headerLen - start), onesComplementSum(view, payloadAt, payloadLen))
    : onesComplementSum(headers, startAt, payloadLen - start);
  const checksum = checksumOf(sum);
  const isUdpZero = checksum === 0 && list.csumOffset[row] === UDP_CHECKSUM;
  headers.setUint16(startAt + list.csumOffset[row], isUdpZero ? 0xffff : checksum);
  list.csumStart[row] = 0;
}
