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
 * A burst is mostly of one connection. So what is atomic about a row is done once for a run of its segments: it is looked up
 * with the first, and `rcvNxt` is moved after the last.
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
  REMOTE_WORDS,
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
  readonly #verifies: boolean;
  readonly #packets = createPacketList();
  readonly #info = createSegmentInfo();
  /** Names of the connection that the last segment of this burst was of; its row, if it is open, and that's generation. */
  readonly #lastTuple = new Uint32Array(REMOTE_WORDS);
  #lastRow: number = NO_CONNECTION;
  #lastGeneration = 0;
  /** Whether segments of that row brought data, and the sequence number behind the furthest of it. */
  #hasData = false;
  #dataNxt = 0;

  /**
   * @param verifies Whether checksums that the kernel doesn't vouch for are verified here; not needed where its connection
   *   tracking does so.
   */
  constructor(
    table: ConnectionTable,
    local: LocalHost,
    queue: PacketQueue,
    acks: DelayedAcks,
    gate: SegmentGate,
    sink: SegmentSink,
    verifies: boolean,
  ) {
    this.#table = table;
    this.#local = local;
    this.#queue = queue;
    this.#acks = acks;
    this.#gate = gate;
    this.#sink = sink;
    this.#verifies = verifies;
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
    this.#endRun();
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
    const isVerified = !this.#verifies || readVirtioFlags(view, at - VIRTIO_NET_HDR_LEN) !== 0;
    if (!isVerified && !this.#isIntact(burst, at)) {
      this.#sink.drop(Reason.SEGMENT_CHECKSUM, 1);
      return NO_CONNECTION;
    }
    const isPlain = (info.flags & CONTROL_FLAGS) === 0;
    if (isPlain && this.#isOfRun()) return this.#takeOpen(this.#lastRow);
    const row = findConnection(table, info.tuple, 0, info.localPort);
    const state = row === NO_CONNECTION || !isPlain ? ConnectionState.CLOSED : Atomics.load(table.state, row);
    if (state === ConnectionState.OPEN) {
      this.#beginRun(row);
      return this.#takeOpen(row);
    }
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
      this.#moveRcvNxt();
      if (this.#isQuestion(row)) this.#acks.noteQuestion(row, this.nowMs);
      return NO_CONNECTION;
    }
    const end = seqAdd(info.seq, info.payloadLen);
    if (!this.#hasData || seqAfter(end, this.#dataNxt)) this.#dataNxt = end;
    this.#hasData = true;
    return row;
  }

  /** Tells whether the segment in `#info` is of the same open connection as the last one. */
  #isOfRun(): boolean {
    if (this.#lastRow === NO_CONNECTION) return false;
    const { tuple, localPort } = this.#info;
    for (let word = 0; word < ENDPOINT_REMOTE_WORDS; word++) {
      if (tuple[word] !== this.#lastTuple[word]) return false;
    }
    return localPort === this.#lastTuple[ENDPOINT_REMOTE_WORDS];
  }

  #beginRun(row: number): void {
    this.#endRun();
    const { tuple, localPort } = this.#info;
    for (let word = 0; word < ENDPOINT_REMOTE_WORDS; word++) this.#lastTuple[word] = tuple[word];
    this.#lastTuple[ENDPOINT_REMOTE_WORDS] = localPort;
    this.#lastRow = row;
    this.#lastGeneration = Atomics.load(this.#table.generation, row);
  }

  /** Ends a run of segments of one connection. */
  #endRun(): void {
    this.#moveRcvNxt();
    this.#lastRow = NO_CONNECTION;
  }

  #moveRcvNxt(): void {
    if (!this.#hasData) return;
    this.#hasData = false;
    // The row may have become another connection's meanwhile.
    if (Atomics.load(this.#table.generation, this.#lastRow) !== this.#lastGeneration) return;
    advanceSeq(this.#table.rcvNxt, this.#lastRow, this.#dataNxt);
    this.#acks.noteData(this.#lastRow, this.nowMs);
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
    received[endpoint + ENDPOINT_GENERATION] = row === this.#lastRow
      ? this.#lastGeneration
      : Atomics.load(this.#table.generation, row);
  }
}
