// No allocation per packet in this file.
/**
 * The way in of FakeTCP for one lane: segments become messages, one or many datagrams each.
 *
 * 1. a burst of packets is read, super-segments among them;
 * 2. what isn't an intact segment for us is dropped, in silence;
 * 3. data and acknowledgments of a known connection, if acceptable, move its columns; the rest goes to the control
 *    thread, through the {@linkcode SegmentGate};
 * 4. at the end of the burst come the acknowledgments that can't wait.
 *
 * @module
 */

import { ENDPOINT_CONNECTION, ENDPOINT_GENERATION, ENDPOINT_REMOTE_WORDS, ENDPOINT_WORDS } from "../base/endpoint.ts";
import { Reason } from "../base/reason.ts";
import { RECEIVED_AT, RECEIVED_ENDPOINT, RECEIVED_WORDS } from "../ffi/symbols.ts";
import { seqAdd, seqAfter, seqBefore } from "../wire/sequence.ts";
import { TcpFlag } from "../wire/tcp.ts";
import { GsoType, readGsoSize, readGsoType, readVirtioFlags, VIRTIO_NET_HDR_LEN } from "../wire/virtio_net_hdr.ts";
import { isAcceptable, isOpening } from "./acceptance.ts";
import {
  advanceSeq,
  ConnectionState,
  type ConnectionTable,
  findConnection,
  NO_CONNECTION,
} from "./connection_table.ts";
import { type DelayedAcks } from "./delayed_ack.ts";
import { type LocalHost } from "./packet.ts";
import { createPacketList, type PacketQueue } from "./packet_queue.ts";
import { type SegmentGate, type SegmentSink } from "./segment_gate.ts";
import { checkSegment, createSegmentInfo, tcpLength, verifyChecksum } from "./segment_reader.ts";

/** Where messages are received into: what `conn/bind.ts` calls a `DatagramBurst`. */
export interface SegmentBurst {
  readonly octets: Uint8Array;
  readonly view: DataView;
  readonly received: Uint32Array;
}

/** Control bits that make a segment the control thread's business. */
const CONTROL_FLAGS = TcpFlag.SYN | TcpFlag.FIN | TcpFlag.RST;

/** Reads segments of the connections of one table from one queue. */
export class SegmentReceiver {
  /** Time of this turn, ms; the owner writes it. */
  nowMs = 0;
  readonly #table: ConnectionTable;
  readonly #local: LocalHost;
  readonly #queue: PacketQueue;
  readonly #acks: DelayedAcks;
  readonly #gate: SegmentGate;
  readonly #sink: SegmentSink;
  readonly #packets = createPacketList();
  readonly #info = createSegmentInfo();

  constructor(
    table: ConnectionTable,
    local: LocalHost,
    queue: PacketQueue,
    acks: DelayedAcks,
    gate: SegmentGate,
    sink: SegmentSink,
  ) {
    this.#table = table;
    this.#local = local;
    this.#queue = queue;
    this.#acks = acks;
    this.#gate = gate;
    this.#sink = sink;
  }

  /** Receives a burst, see `Bind.receiveBurst`. */
  receiveBurst(burst: SegmentBurst): number {
    const packets = this.#packets;
    const count = this.#queue.read(burst.octets, packets);
    if (count <= 0) return count;
    let messages = 0;
    for (let index = 0; index < count; index++) {
      const at = packets[index * 2];
      const row = this.#take(burst, at, packets[index * 2 + 1]);
      if (row !== NO_CONNECTION) this.#deliver(burst, at, row, messages++);
    }
    this.#acks.endBurst();
    return messages;
  }

  /** Handles one packet. Returns the row of the connection that it has data of, or `NO_CONNECTION` if there is no data. */
  #take(burst: SegmentBurst, at: number, length: number): number {
    const { view, octets } = burst;
    const info = this.#info;
    const table = this.#table;
    const reason = checkSegment(view, at, length, this.#local, info);
    if (reason !== Reason.NONE) {
      if (reason === Reason.SEGMENT_FOREIGN) this.#gate.takeOther(octets, view, at, length, this.nowMs);
      else this.#sink.drop(reason, 1);
      return NO_CONNECTION;
    }
    // NEEDS_CSUM and DATA_VALID both mean that nothing was damaged on the way; super-segments always bear one of them.
    const isVerified = readVirtioFlags(view, at - VIRTIO_NET_HDR_LEN) !== 0;
    if (!isVerified && !this.#isIntact(burst, at)) {
      this.#sink.drop(Reason.SEGMENT_CHECKSUM, 1);
      return NO_CONNECTION;
    }
    const row = findConnection(table, info.tuple, 0, info.localPort);
    const state = row === NO_CONNECTION || (info.flags & CONTROL_FLAGS) !== 0
      ? ConnectionState.CLOSED
      : Atomics.load(table.state, row);
    if (state === ConnectionState.OPEN) return this.#takeOpen(row);
    // An acknowledgment of our SYN opens the connection, which is up to the control thread; its data needn't wait.
    const isData = state === ConnectionState.HALF_OPEN && isOpening(table, row, info, this.nowMs) &&
      info.payloadLen > 0;
    this.#gate.takeSegment(octets, at, length, info, row, this.nowMs);
    if (!isData) return NO_CONNECTION;
    advanceSeq(table.rcvNxt, row, seqAdd(info.seq, info.payloadLen));
    return row;
  }

  #isIntact({ octets, view }: SegmentBurst, at: number): boolean {
    const info = this.#info;
    const sum = this.#queue.sum(octets, at + info.ipHeaderLen, tcpLength(info));
    return verifyChecksum(view, at, info, sum) === Reason.NONE;
  }

  #takeOpen(row: number): number {
    const table = this.#table;
    const info = this.#info;
    if (!isAcceptable(table, row, info, this.nowMs)) {
      this.#sink.drop(Reason.SEGMENT_UNACCEPTABLE, 1);
      return NO_CONNECTION;
    }
    this.#note(row);
    if (info.payloadLen === 0) {
      if (this.#isQuestion(row)) this.#acks.noteQuestion(row, this.nowMs);
      return NO_CONNECTION;
    }
    advanceSeq(table.rcvNxt, row, seqAdd(info.seq, info.payloadLen));
    this.#acks.noteData(row, this.nowMs);
    return row;
  }

  /** Notes what an acceptable segment says about the peer. */
  #note(row: number): void {
    const table = this.#table;
    const info = this.#info;
    table.lastReceivedMs[row] = this.nowMs;
    if (advanceSeq(table.sndUna, row, info.ack)) table.lastAckedMs[row] = this.nowMs;
    // What was overtaken by newer segments has nothing new to say.
    if (!seqBefore(info.ack, table.sndUna[row])) table.sndWnd[row] = info.window << table.sndScale[row];
    if (info.hasTimestamps && seqAfter(info.tsVal, table.tsRecent[row])) table.tsRecent[row] = info.tsVal;
  }

  /**
   * Tells whether a segment without data asks for an acknowledgment: its sequence number was acknowledged already, or is
   * the last one that we have. What was merely overtaken lies between the two.
   */
  #isQuestion(row: number): boolean {
    const { ackSent, rcvNxt } = this.#table;
    const { seq } = this.#info;
    return seqBefore(seq, ackSent[row]) || seq === seqAdd(rcvNxt[row], -1);
  }

  /** Reports the payload of the segment in `#info` as message number `index`. */
  #deliver(burst: SegmentBurst, at: number, row: number, index: number): void {
    const { view, received } = burst;
    const { payloadAt, payloadLen, tuple } = this.#info;
    const header = at - VIRTIO_NET_HDR_LEN;
    const gsoSize = readGsoType(view, header) === GsoType.NONE ? 0 : readGsoSize(view, header);
    const word = index * RECEIVED_WORDS;
    received[word] = payloadLen;
    received[word + 1] = gsoSize === 0 ? payloadLen : Math.min(gsoSize, payloadLen);
    received[word + 2] = 0;
    received[word + RECEIVED_AT] = payloadAt;
    const endpoint = word + RECEIVED_ENDPOINT;
    for (let part = 0; part < ENDPOINT_REMOTE_WORDS; part++) received[endpoint + part] = tuple[part];
    for (let part = ENDPOINT_REMOTE_WORDS; part < ENDPOINT_WORDS; part++) received[endpoint + part] = 0;
    received[endpoint + ENDPOINT_CONNECTION] = row + 1;
    received[endpoint + ENDPOINT_GENERATION] = Atomics.load(this.#table.generation, row);
  }
}
