// No allocation per packet in this file.
/**
 * The way out of FakeTCP for one lane: runs of datagrams become super-segments, one system call each.
 *
 * A run takes its sequence numbers by one atomic add, so lanes that send on one connection at the same time never use a
 * number twice. The kernel or the network card cuts a super-segment at `gso_size`, which is the length of a datagram: no datagram
 * straddles two segments. All segments of a run have one acknowledgment number and one timestamp, and the last has PSH.
 *
 * **No acknowledgment steps back.** `rcvNxt` only moves forward, and it is read last, right before the write. So what one
 * lane sends never acknowledges less than what it sent before. Two lanes may read and write crosswise; the later of the
 * two then bears the smaller number, as if the network had swapped two segments that were sent within microseconds. Every
 * receiver and every firewall copes with that (RFC 9293 §3.10.7.4 ignores an old acknowledgment; Linux' conntrack lets pass
 * what lies within a window of the furthest one). A pure acknowledgment, which says nothing else, is sent only by the lane
 * that moved `ackSent` forward.
 *
 * @module
 */

import { ENDPOINT_CONNECTION, ENDPOINT_GENERATION, ENDPOINT_WORDS } from "../base/endpoint.ts";
import { Errno } from "../ffi/errno.ts";
import { RUN_WORDS } from "../ffi/symbols.ts";
import { IPV4_MIN_HEADER_LEN } from "../wire/ipv4.ts";
import { IPV6_HEADER_LEN } from "../wire/ipv6.ts";
import { seqAdd, seqDistance } from "../wire/sequence.ts";
import { TCP_CHECKSUM, TcpFlag } from "../wire/tcp.ts";
import { GsoType, VIRTIO_NET_HDR_LEN, VirtioNetFlag, writeVirtioNetHdr } from "../wire/virtio_net_hdr.ts";
import {
  advanceSeq,
  ConnectionFlag,
  ConnectionState,
  type ConnectionTable,
  isOpen,
  REMOTE_WORDS,
} from "./connection_table.ts";
import { type LocalHost, SEGMENT_HEADER_MAX, segmentHeaderLen, writeSegment } from "./packet.ts";
import { type PacketQueue } from "./packet_queue.ts";
import { type SegmentInfo } from "./segment_reader.ts";
import { writeCookieSynAck } from "./syn_cookie.ts";

/** Greatest length of an IP packet, super-segments included. */
const PACKET_LEN_MAX = 0xffff;
/** Most octets of one run: what IPv6, TCP and timestamps leave of a packet. */
export const SEGMENT_RUN_LEN_MAX = PACKET_LEN_MAX - segmentHeaderLen(6, true);
/** Most datagrams of one run. Small ones cost more than their octets at every hop, so a burst of them is spread a little. */
export const SEGMENT_RUN_DATAGRAMS_MAX = 128;

/**
 * Most octets that may be unacknowledged towards a peer that keeps to a window, whatever it offers. A firewall lets pass
 * twice the window that it saw; ours is as large.
 */
export const SEND_WINDOW_MAX = 8 << 20;
/** After how many octets without an acknowledgment a peer is asked for one that may offer 64 KiB at most. */
const ASK_AFTER_LEN = 32 << 10;
/** Least time between two questions to a peer whose window is full, ms. */
const ASK_INTERVAL_MS = 200;

/** Writes segments of the connections of one table to one queue. */
export class SegmentSender {
  /** Time of this turn, ms; the owner writes it. */
  nowMs = 0;
  readonly #table: ConnectionTable;
  readonly #local: LocalHost;
  readonly #queue: PacketQueue;
  readonly #head = new Uint8Array(VIRTIO_NET_HDR_LEN + SEGMENT_HEADER_MAX);
  readonly #view = new DataView(this.#head.buffer);
  /** By row, what this lane asked last: at which sequence number, and when. */
  readonly #askedSeq: Uint32Array;
  readonly #askedMs: Float64Array;

  constructor(table: ConnectionTable, local: LocalHost, queue: PacketQueue) {
    this.#table = table;
    this.#local = local;
    this.#queue = queue;
    this.#askedSeq = new Uint32Array(table.capacity);
    this.#askedMs = new Float64Array(table.capacity).fill(-Infinity);
  }

  /**
   * Sends runs of datagrams, see `Bind.sendRuns`. An endpoint without an open connection gives `ENOTCONN`; datagrams longer
   * than the path takes `EMSGSIZE`; a full window `ENOBUFS`: waiting wouldn't empty it, only the peer can.
   */
  sendRuns(octets: Uint8Array, runs: Uint32Array, count: number, endpoints: Uint32Array): number {
    const table = this.#table;
    let sent = 0;
    let isFull = false;
    for (let word = 0; word < count * RUN_WORDS; word += RUN_WORDS) {
      const endpoint = runs[word + 3] * ENDPOINT_WORDS;
      const row = endpoints[endpoint + ENDPOINT_CONNECTION] - 1;
      let errno: number = Errno.EAGAIN;
      if (!isFull) {
        errno = row >= 0 && row < table.capacity && isOpen(table, row, endpoints[endpoint + ENDPOINT_GENERATION] | 0)
          ? this.#sendRun(octets, runs[word], runs[word + 1], runs[word + 2], row)
          : Errno.ENOTCONN;
        isFull = errno === Errno.EAGAIN;
      }
      runs[word + 4] = errno;
      if (errno === 0) sent++;
    }
    return sent;
  }

  /**
   * Sends an acknowledgment without data.
   *
   * @param evenIfSent Whether it is sent also if nothing new is acknowledged, because the peer asked.
   */
  sendAck(row: number, evenIfSent: boolean): void {
    const table = this.#table;
    if (Atomics.load(table.state, row) !== ConnectionState.OPEN) return;
    const ack = table.rcvNxt[row];
    if (!advanceSeq(table.ackSent, row, ack) && !evenIfSent) return;
    this.#writeEmpty(row, table.sndNxt[row], ack);
  }

  /** Answers a SYN without remembering it, see `syn_cookie.ts`. Returns 0 or an error number. */
  sendCookie(syn: SegmentInfo, mss: number, window: number): number {
    const at = VIRTIO_NET_HDR_LEN;
    const length = writeCookieSynAck(this.#view, at, this.#table, this.#local, syn, mss, window, this.nowMs);
    const ipLen = syn.family === 4 ? IPV4_MIN_HEADER_LEN : IPV6_HEADER_LEN;
    return this.#write(length, ipLen, 0, this.#head, 0, 0);
  }

  /** Writes an IP packet as it stands, checksums complete. Returns 0 or an error number. */
  sendPacket(octets: Uint8Array, at: number, length: number): number {
    writeVirtioNetHdr(this.#view, 0, 0, GsoType.NONE, 0, 0, 0, 0);
    return this.#queue.write(this.#head, VIRTIO_NET_HDR_LEN, octets, at, length);
  }

  #sendRun(octets: Uint8Array, at: number, length: number, segment: number, row: number): number {
    const table = this.#table;
    const datagramLen = segment === 0 ? length : segment;
    if (length === 0) return Errno.EINVAL;
    if (datagramLen > Atomics.load(table.maxDatagramLen, row) || length > SEGMENT_RUN_LEN_MAX) return Errno.EMSGSIZE;
    const flags = Atomics.load(table.flags, row);
    if (!this.#hasRoom(row, flags, length)) return Errno.ENOBUFS;
    table.lastSentMs[row] = this.nowMs;
    if (length <= datagramLen || (this.#queue.offload && (flags & ConnectionFlag.SINGLES) === 0)) {
      return this.#writeData(octets, at, length, datagramLen, row);
    }
    for (let offset = 0; offset < length; offset += datagramLen) {
      const singleLen = Math.min(datagramLen, length - offset);
      const errno = this.#writeData(octets, at + offset, singleLen, singleLen, row);
      if (errno !== 0) return errno;
    }
    return 0;
  }

  /**
   * Tells whether the peer's window has room for `length` octets more. A peer that doesn't scale its window doesn't mean it:
   * programs that dress datagrams as TCP offer 64 KiB and never look. It is sent to, but asked for acknowledgments, which a
   * firewall on the way may count.
   */
  #hasRoom(row: number, flags: number, length: number): boolean {
    const table = this.#table;
    const sndNxt = table.sndNxt[row];
    const sndUna = table.sndUna[row];
    const unacknowledged = seqDistance(sndNxt, sndUna);
    if ((flags & ConnectionFlag.WINDOW_SCALE) === 0) {
      if (unacknowledged >= ASK_AFTER_LEN && (sndNxt - this.#askedSeq[row]) >>> 0 >= ASK_AFTER_LEN) {
        this.#ask(row, sndNxt, sndNxt);
      }
      return true;
    }
    if (unacknowledged + length <= Math.min(table.sndWnd[row], SEND_WINDOW_MAX)) return true;
    if (this.nowMs - this.#askedMs[row] >= ASK_INTERVAL_MS) this.#ask(row, sndNxt, sndUna);
    return false;
  }

  /**
   * Asks for an acknowledgment as a keepalive does: with a sequence number right before `seq`, which the peer has long had
   * (RFC 9293 §3.8.4).
   */
  #ask(row: number, sndNxt: number, seq: number): void {
    const table = this.#table;
    this.#askedSeq[row] = sndNxt;
    this.#askedMs[row] = this.nowMs;
    const ack = table.rcvNxt[row];
    advanceSeq(table.ackSent, row, ack);
    this.#writeEmpty(row, seqAdd(seq, -1), ack);
  }

  /** Writes `length` octets as one segment, or as a super-segment if that is more than one datagram. */
  #writeData(octets: Uint8Array, at: number, length: number, datagramLen: number, row: number): number {
    const table = this.#table;
    const seq = Atomics.add(table.sndNxt, row, length);
    const count = Math.ceil(length / datagramLen);
    const ack = table.rcvNxt[row];
    advanceSeq(table.ackSent, row, ack);
    const headerLen = this.#writeHeaders(row, TcpFlag.ACK | TcpFlag.PSH, seq, ack, length, count);
    return this.#write(headerLen, this.#ipLen(row), count > 1 ? datagramLen : 0, octets, at, length);
  }

  #writeEmpty(row: number, seq: number, ack: number): void {
    const headerLen = this.#writeHeaders(row, TcpFlag.ACK, seq, ack, 0, 1);
    this.#write(headerLen, this.#ipLen(row), 0, this.#head, 0, 0);
  }

  #writeHeaders(row: number, flags: number, seq: number, ack: number, payloadLen: number, count: number): number {
    const { nowMs } = this;
    const at = VIRTIO_NET_HDR_LEN;
    return writeSegment(this.#view, at, this.#table, row, this.#local, flags, seq, ack, nowMs, payloadLen, count);
  }

  #ipLen(row: number): number {
    return this.#table.remote[row * REMOTE_WORDS] === 4 ? IPV4_MIN_HEADER_LEN : IPV6_HEADER_LEN;
  }

  /**
   * Writes the headers that stand behind the virtio header, and a payload. Their checksum is open.
   *
   * @param gsoSize Octets of payload in each segment; 0 for a single one.
   */
  #write(
    headerLen: number,
    ipLen: number,
    gsoSize: number,
    octets: Uint8Array,
    at: number,
    length: number,
  ): number {
    const gsoType = gsoSize === 0 ? GsoType.NONE : ipLen === IPV4_MIN_HEADER_LEN ? GsoType.TCPV4 : GsoType.TCPV6;
    const hintLen = gsoSize === 0 ? 0 : headerLen;
    const { NEEDS_CSUM } = VirtioNetFlag;
    writeVirtioNetHdr(this.#view, 0, NEEDS_CSUM, gsoType, hintLen, gsoSize, ipLen, TCP_CHECKSUM);
    return this.#queue.write(this.#head, VIRTIO_NET_HDR_LEN + headerLen, octets, at, length);
  }
}
