// No allocation per packet in this file.
/**
 * Merges decrypted frames of one flow into super-frames, so that one write to the TAP stands for many.
 *
 * A frame takes one of three ways:
 *
 * 1. It continues an open super-frame of its flow: its payload is noted as one more piece.
 * 2. It may begin a super-frame: it is held open, and nothing is written yet.
 * 3. Everything else is written by itself, octet for octet as it came.
 *
 * Frames of one flow (addresses, ports and protocol) keep their order: whatever doesn't continue the flow's super-frame
 * closes it first. A packet whose ports can't be read, such as a fragment, closes every super-frame between its two
 * addresses. A super-frame takes its place in the output when it closes, so frames of different flows may change places
 * within a burst, as they do in Linux.
 *
 * The first way is the one that must be fast: at full speed 47 of 48 frames take it. A frame is compared with the headers
 * of the first frame before it is understood: if they agree, it has the same layout, and its checksums need no second
 * computation either (see {@linkcode frameTotal}). What may be merged with what is decided in `merge_rules.ts`.
 *
 * @module
 */
import { pseudoHeaderSum4, pseudoHeaderSum6, updateChecksum } from "../wire/checksum.ts";
import { ETHERNET_HEADER_LEN } from "../wire/ethernet.ts";
import {
  IpProtocol,
  readIpv4Checksum,
  readIpv4Identification,
  readIpv4TotalLen,
  writeIpv4Checksum,
  writeIpv4TotalLen,
} from "../wire/ipv4.ts";
import { IPV6_HEADER_LEN, writeIpv6PayloadLen } from "../wire/ipv6.ts";
import { seqAdd } from "../wire/sequence.ts";
import { readTcpFlags, readTcpSeq, TCP_CHECKSUM, TcpFlag, writeTcpChecksum, writeTcpFlags } from "../wire/tcp.ts";
import { UDP_CHECKSUM, writeUdpChecksum, writeUdpLen } from "../wire/udp.ts";
import { GsoType, VIRTIO_NET_HDR_LEN, VirtioNetFlag, writeVirtioNetHdr } from "../wire/virtio_net_hdr.ts";
import { FrameLayout, readFrameLayout } from "./frame_layout.ts";
import {
  frameTotal,
  haveSameAddresses,
  haveSameHeaders,
  headerTotal,
  isIntact,
  isMergeableTcp,
  isMergeableUdp,
  packetLen,
} from "./merge_rules.ts";
import { HEAD_STRIDE, type WriteList } from "./write_list.ts";

/** Super-frames open at a time. More flows than that in one burst close the oldest; a lookup stays a short scan. */
export const OPEN_FLOWS_MAX = 16;
/**
 * Frames in one super-frame. The kernel takes no more UDP datagrams at once (`UDP_MAX_SEGMENTS`, `linux/udp.h`, 64 until
 * Linux 6.9), and `eg_tun_write` gathers no more pieces.
 */
export const MERGED_FRAMES_MAX = 64;
/** Octets of one super-frame, Ethernet header included. */
export const SUPER_FRAME_MAX_LEN = 0xffff;

/** What a {@linkcode FrameMerger} is told once. */
export interface MergeOptions {
  /** Whether UDP may be merged too: the kernel takes `VIRTIO_NET_HDR_GSO_UDP_L4` (Linux 6.2 and later). */
  readonly mergeUdp: boolean;
}

/**
 * Merges the frames of a burst that lie in one buffer.
 *
 * Call {@linkcode push} for each frame in order of arrival, then {@linkcode flush}; write the list and clear it. The
 * buffer must not change from the first push until the list is written.
 */
export class FrameMerger {
  readonly #frames: Uint8Array;
  readonly #view: DataView;
  readonly #out: WriteList;
  readonly #mergeUdp: boolean;

  /** Layout of the frame being pushed. When the frame opens a super-frame, the record changes places with the slot's. */
  #layout = new FrameLayout();
  /** A permutation of the slots: the open ones in order of opening, then the free ones. */
  readonly #order = Uint8Array.from({ length: OPEN_FLOWS_MAX }, (_, slot) => slot);
  #openCount = 0;
  /** Pieces of all open super-frames; they have a place in the list already reserved. */
  #openPieces = 0;

  // One row per slot: an open super-frame.
  readonly #layouts: FrameLayout[];
  /** Both ports. */
  readonly #ports = new Uint32Array(OPEN_FLOWS_MAX);
  readonly #firstAt = new Uint32Array(OPEN_FLOWS_MAX);
  readonly #firstLen = new Uint32Array(OPEN_FLOWS_MAX);
  /** Where each piece's payload begins, `MERGED_FRAMES_MAX` per slot. */
  readonly #payloadAt = new Uint32Array(OPEN_FLOWS_MAX * MERGED_FRAMES_MAX);
  readonly #pieceCount = new Uint32Array(OPEN_FLOWS_MAX);
  /** Payload of each piece but the last. */
  readonly #segmentLen = new Uint32Array(OPEN_FLOWS_MAX);
  /** Payload of all pieces. */
  readonly #payloadLen = new Uint32Array(OPEN_FLOWS_MAX);
  /** Sequence number of the next piece; without meaning in UDP. */
  readonly #nextSeq = new Uint32Array(OPEN_FLOWS_MAX);
  /** Identification of the next piece; without meaning in IPv6. */
  readonly #nextIdentification = new Uint16Array(OPEN_FLOWS_MAX);
  /** What {@linkcode headerTotal} must return for every piece. */
  readonly #headerTotal = new Uint16Array(OPEN_FLOWS_MAX);
  /** What {@linkcode frameTotal} must return for every piece. */
  readonly #frameTotal = new Uint16Array(OPEN_FLOWS_MAX);

  /**
   * @param frames The buffer that all frames lie in.
   * @param out Receives the output frames.
   */
  constructor(frames: Uint8Array, out: WriteList, options: MergeOptions) {
    this.#frames = frames;
    this.#view = new DataView(frames.buffer, frames.byteOffset, frames.byteLength);
    this.#out = out;
    this.#mergeUdp = options.mergeUdp;
    this.#layouts = Array.from({ length: OPEN_FLOWS_MAX }, () => new FrameLayout());
  }

  /**
   * Takes the next frame. It may be in the list afterwards, or held open until a later push or the flush.
   *
   * @param frameAt Where the frame begins in the buffer.
   * @param frameLen Its octets, padding included.
   * @param sum One's complement sum of all of them, 0 to 0xffff, as `eg_aead_open` computes it.
   * @returns False if the list has no room: nothing was taken; flush, write, clear, and push the frame again.
   */
  push(frameAt: number, frameLen: number, sum: number): boolean {
    if (this.#out.pieceCount + this.#openPieces === this.#out.capacity) return false;
    if (this.#continueSuperFrame(frameAt, frameLen, sum)) return true;
    const layout = this.#layout;
    layout.version = 0;
    layout.headerLen = 0;
    if (frameLen >= ETHERNET_HEADER_LEN) readFrameLayout(this.#view, frameAt, frameLen, layout);
    if (layout.headerLen !== 0) {
      this.#finishFlow(frameAt);
      this.#beginSuperFrame(frameAt, frameLen, sum);
    } else {
      if (layout.version !== 0) this.#finishBetween(frameAt + layout.network, layout.version);
      this.#appendSingle(frameAt, frameLen, false);
    }
    return true;
  }

  /** Closes all super-frames, oldest first. Afterwards the list holds every frame that was pushed. */
  flush(): void {
    while (this.#openCount > 0) this.#finish(0);
  }

  /** Adds a frame to the super-frame that it continues. Returns whether there is one. */
  #continueSuperFrame(frameAt: number, frameLen: number, sum: number): boolean {
    const view = this.#view;
    for (let place = 0; place < this.#openCount; place++) {
      const slot = this.#order[place];
      const layout = this.#layouts[slot];
      // In a frame of another layout something else stands there. It is only compared.
      if (frameLen < layout.headerLen || view.getUint32(frameAt + layout.transport) !== this.#ports[slot]) continue;
      if (!haveSameHeaders(view, frameAt, this.#firstAt[slot], layout)) continue;
      const length = packetLen(view, frameAt, frameLen, layout);
      const payloadLen = length - (layout.headerLen - layout.network);
      // Only one super-frame of a flow is open, so nobody else can have a use for the frame.
      if (!this.#isNext(slot, frameAt, payloadLen)) return false;
      if (frameTotal(sum, length, layout) !== this.#frameTotal[slot]) return false;
      this.#appendPiece(slot, frameAt, payloadLen);
      const isFull = this.#pieceCount[slot] === MERGED_FRAMES_MAX;
      const isLast = payloadLen < this.#segmentLen[slot] || endsSuperFrame(view, frameAt, layout);
      if (isFull || isLast) this.#finish(place);
      return true;
    }
    return false;
  }

  /** Tells whether a frame that has the headers of a super-frame, and perhaps a damaged payload, is its next part. */
  #isNext(slot: number, frameAt: number, payloadLen: number): boolean {
    const view = this.#view;
    const layout = this.#layouts[slot];
    // Less than 0 if the packet's length is impossible.
    if (payloadLen <= 0 || payloadLen > this.#segmentLen[slot]) return false;
    if (layout.headerLen + this.#payloadLen[slot] + payloadLen > SUPER_FRAME_MAX_LEN) return false;
    if (layout.version === 4) {
      const identification = readIpv4Identification(view, frameAt + layout.network);
      if (identification !== this.#nextIdentification[slot]) return false;
      if (headerTotal(view, frameAt, layout) !== this.#headerTotal[slot]) return false;
    }
    if (layout.protocol === IpProtocol.TCP) {
      return readTcpSeq(view, frameAt + layout.transport) === this.#nextSeq[slot];
    }
    return isMergeableUdp(view, frameAt, payloadLen, layout);
  }

  /** Begins a super-frame with a frame that has a TCP or UDP header, or appends the frame to the list if that can't be. */
  #beginSuperFrame(frameAt: number, frameLen: number, sum: number): void {
    const view = this.#view;
    const layout = this.#layout;
    const length = packetLen(view, frameAt, frameLen, layout);
    const intact = length !== 0 && isIntact(view, frameAt, sum, length, layout);
    const payloadLen = length - (layout.headerLen - layout.network);
    if (!intact || !this.#isMergeable(frameAt, payloadLen) || endsSuperFrame(view, frameAt, layout)) {
      this.#appendSingle(frameAt, frameLen, intact);
      return;
    }
    if (this.#openCount === OPEN_FLOWS_MAX) this.#finish(0);
    const slot = this.#order[this.#openCount++];
    this.#layout = this.#layouts[slot];
    this.#layouts[slot] = layout;
    this.#ports[slot] = view.getUint32(frameAt + layout.transport);
    this.#firstAt[slot] = frameAt;
    this.#firstLen[slot] = frameLen;
    this.#segmentLen[slot] = payloadLen;
    this.#payloadLen[slot] = 0;
    this.#pieceCount[slot] = 0;
    this.#nextSeq[slot] = readTcpSeq(view, frameAt + layout.transport);
    this.#nextIdentification[slot] = readIpv4Identification(view, frameAt + layout.network);
    this.#headerTotal[slot] = headerTotal(view, frameAt, layout);
    this.#frameTotal[slot] = frameTotal(sum, length, layout);
    this.#appendPiece(slot, frameAt, payloadLen);
  }

  /** Tells whether an intact frame may be part of a super-frame at all. */
  #isMergeable(frameAt: number, payloadLen: number): boolean {
    const layout = this.#layout;
    if (VIRTIO_NET_HDR_LEN + layout.headerLen > HEAD_STRIDE) return false;
    if (layout.protocol === IpProtocol.TCP) return isMergeableTcp(this.#view, frameAt, payloadLen, layout);
    return this.#mergeUdp && isMergeableUdp(this.#view, frameAt, payloadLen, layout);
  }

  /** Adds the payload of the next frame to a super-frame. */
  #appendPiece(slot: number, frameAt: number, payloadLen: number): void {
    const pieceCount = this.#pieceCount[slot];
    this.#payloadAt[slot * MERGED_FRAMES_MAX + pieceCount] = frameAt + this.#layouts[slot].headerLen;
    this.#pieceCount[slot] = pieceCount + 1;
    this.#openPieces++;
    this.#payloadLen[slot] += payloadLen;
    this.#nextSeq[slot] = seqAdd(this.#nextSeq[slot], payloadLen);
    this.#nextIdentification[slot]++;
  }

  /** Closes the super-frame of the flow of the frame being pushed, if one is open. */
  #finishFlow(frameAt: number): void {
    const { version, protocol, network, transport } = this.#layout;
    const ports = this.#view.getUint32(frameAt + transport);
    for (let place = 0; place < this.#openCount; place++) {
      const slot = this.#order[place];
      if (this.#ports[slot] !== ports) continue;
      const open = this.#layouts[slot];
      if (open.version !== version || open.protocol !== protocol) continue;
      if (!haveSameAddresses(this.#view, frameAt + network, this.#firstAt[slot] + open.network, version)) continue;
      this.#finish(place);
      return;
    }
  }

  /** Closes every super-frame between the addresses of a packet, in its direction. */
  #finishBetween(ipAt: number, version: number): void {
    let place = 0;
    while (place < this.#openCount) {
      const slot = this.#order[place];
      const open = this.#layouts[slot];
      const sameFlowPossible = open.version === version &&
        haveSameAddresses(this.#view, ipAt, this.#firstAt[slot] + open.network, version);
      if (sameFlowPossible) this.#finish(place);
      else place++;
    }
  }

  /** Moves a super-frame into the list and frees its slot. */
  #finish(place: number): void {
    const slot = this.#order[place];
    this.#openCount--;
    for (let i = place; i < this.#openCount; i++) this.#order[i] = this.#order[i + 1];
    this.#order[this.#openCount] = slot;
    this.#openPieces -= this.#pieceCount[slot];
    if (this.#pieceCount[slot] === 1) this.#appendSingle(this.#firstAt[slot], this.#firstLen[slot], true);
    else this.#appendSuperFrame(slot);
  }

  /** Appends a frame to the list as it came. */
  #appendSingle(frameAt: number, frameLen: number, intact: boolean): void {
    const out = this.#out;
    const headAt = out.beginFrame(VIRTIO_NET_HDR_LEN, 1);
    writeVirtioNetHdr(out.headView, headAt, intact ? VirtioNetFlag.DATA_VALID : 0, GsoType.NONE, 0, 0, 0, 0);
    out.appendPiece(frameAt, frameLen);
  }

  /** Appends a super-frame of two pieces or more to the list. */
  #appendSuperFrame(slot: number): void {
    const out = this.#out;
    const layout = this.#layouts[slot];
    const pieceCount = this.#pieceCount[slot];
    const segmentLen = this.#segmentLen[slot];
    const payloadLen = this.#payloadLen[slot];

    const headAt = out.beginFrame(VIRTIO_NET_HDR_LEN + layout.headerLen, pieceCount);
    const headersAt = headAt + VIRTIO_NET_HDR_LEN;
    const firstAt = this.#firstAt[slot];
    for (let i = 0; i < layout.headerLen; i++) out.heads[headersAt + i] = this.#frames[firstAt + i];
    writeSuperFrameHeaders(out.headView, headersAt, layout, payloadLen);
    writeOffload(out.headView, headAt, layout, segmentLen);

    const firstPiece = slot * MERGED_FRAMES_MAX;
    const last = pieceCount - 1;
    for (let i = 0; i < last; i++) out.appendPiece(this.#payloadAt[firstPiece + i], segmentLen);
    const lastAt = this.#payloadAt[firstPiece + last];
    out.appendPiece(lastAt, payloadLen - last * segmentLen);
    if (layout.protocol === IpProtocol.TCP) {
      const flags = readTcpFlags(this.#view, lastAt - layout.headerLen + layout.transport);
      writeTcpFlags(out.headView, headersAt + layout.transport, flags);
    }
  }
}

/** Tells whether a frame marks the end of what its sender gave out at once, so that nothing may follow it. */
function endsSuperFrame(view: DataView, frameAt: number, layout: FrameLayout): boolean {
  return layout.protocol === IpProtocol.TCP &&
    (readTcpFlags(view, frameAt + layout.transport) & (TcpFlag.PSH | TcpFlag.FIN)) !== 0;
}

/** Rewrites the first frame's headers for all the payload; the transport checksum becomes the pseudo-header's sum. */
function writeSuperFrameHeaders(heads: DataView, at: number, layout: FrameLayout, payloadLen: number): void {
  const ipAt = at + layout.network;
  const ipHeadersLen = layout.transport - layout.network;
  const transportLen = layout.headerLen - layout.transport + payloadLen;
  let partialSum: number;
  if (layout.version === 4) {
    const checksum = updateChecksum(
      readIpv4Checksum(heads, ipAt),
      readIpv4TotalLen(heads, ipAt),
      ipHeadersLen + transportLen,
    );
    writeIpv4TotalLen(heads, ipAt, ipHeadersLen + transportLen);
    writeIpv4Checksum(heads, ipAt, checksum);
    partialSum = pseudoHeaderSum4(heads, ipAt, layout.protocol, transportLen);
  } else {
    writeIpv6PayloadLen(heads, ipAt, ipHeadersLen - IPV6_HEADER_LEN + transportLen);
    partialSum = pseudoHeaderSum6(heads, ipAt, layout.protocol, transportLen);
  }
  if (layout.protocol === IpProtocol.TCP) {
    writeTcpChecksum(heads, at + layout.transport, partialSum);
  } else {
    writeUdpLen(heads, at + layout.transport, transportLen);
    writeUdpChecksum(heads, at + layout.transport, partialSum);
  }
}

/** Writes the virtio header that tells the kernel how to cut the super-frame again. */
function writeOffload(heads: DataView, at: number, layout: FrameLayout, segmentLen: number): void {
  const isTcp = layout.protocol === IpProtocol.TCP;
  const tcpType = layout.version === 4 ? GsoType.TCPV4 : GsoType.TCPV6;
  writeVirtioNetHdr(
    heads,
    at,
    VirtioNetFlag.NEEDS_CSUM,
    isTcp ? tcpType : GsoType.UDP_L4,
    layout.headerLen,
    segmentLen,
    layout.transport,
    isTcp ? TCP_CHECKSUM : UDP_CHECKSUM,
  );
}
