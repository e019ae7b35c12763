/**
 * The segments that open, close and acknowledge one connection: which of them wait to be sent, and how they are written.
 *
 * A segment that waits is a bit, not a packet: it is written when it is sent, with the numbers of that moment, and asking
 * for the same one twice sends it once.
 *
 * @module
 */

import { type RandomSource } from "../base/random.ts";
import { seqAdd } from "../wire/sequence.ts";
import { TcpFlag } from "../wire/tcp.ts";
import { advanceSeq, type ConnectionTable, REMOTE_WORDS } from "./connection_table.ts";
import { type Fingerprint } from "./fingerprint.ts";
import { completeChecksum, type LocalHost, timestampAt, writeReset, writeSegment, writeSyn } from "./packet.ts";

/** What the connections of a stack have in common. */
export interface SocketContext {
  readonly table: ConnectionTable;
  readonly random: RandomSource;
  readonly local: LocalHost;
  readonly fingerprint: Fingerprint;
  /** Our initial sequence number where we dial: random (RFC 6528), or 0 for peers that accept no other. */
  readonly isn: "random" | "zero";
  /** Sent by the dialler as the first segment with data; empty for none. */
  readonly firstPayload: Uint8Array;
}

/** What may wait to be sent, bits; sent in this order. */
export const Pending = { RESET: 1, SYN: 2, SYN_ACK: 4, ACK: 8, FIRST_PAYLOAD: 16, FIN: 32 } as const;

const { FIN, SYN, RST, PSH, ACK } = TcpFlag;

/** What waits to be sent on one connection. */
export class ControlSegments {
  /** Options of our SYN or SYN-ACK, bits of `SynOption`. */
  synOptions: number;
  /** Sequence number of our FIN. */
  finSeq = 0;
  readonly #context: SocketContext;
  readonly #row: number;
  readonly #mss: number;
  /** Bits of {@linkcode Pending}. */
  #pending = 0;
  #resetSeq = 0;

  /** @param mss What our MSS option says. */
  constructor(context: SocketContext, row: number, mss: number) {
    this.#context = context;
    this.#row = row;
    this.#mss = mss;
    this.synOptions = context.fingerprint.synOptions;
  }

  /** Tells whether nothing waits. */
  isEmpty(): boolean {
    return this.#pending === 0;
  }

  /** Wants segments sent, by their bits of {@linkcode Pending}. */
  add(bits: number): void {
    this.#pending |= bits;
  }

  /** Wants a reset sent (RFC 9293 §3.5.2: with the acknowledgment number of what was wrong). */
  addReset(seq: number): void {
    this.#resetSeq = seq;
    this.#pending |= Pending.RESET;
  }

  /** Wants nothing sent but what these bits name, if it waits. */
  keepOnly(bits: number): void {
    this.#pending &= bits;
  }

  /** Writes the next segment, checksum complete, and returns its length; 0 if none waits. */
  write(view: DataView, offset: number, nowMs: number): number {
    const length = this.#writeNext(view, offset, nowMs);
    if (length > 0) completeChecksum(view, offset, length);
    return length;
  }

  #writeNext(view: DataView, offset: number, nowMs: number): number {
    if (this.#take(Pending.RESET)) {
      const { table, local } = this.#context;
      return writeReset(view, offset, table.remote, this.#row * REMOTE_WORDS, local, RST, this.#resetSeq, 0);
    }
    if (this.#take(Pending.SYN)) return this.#writeSyn(view, offset, false, nowMs);
    if (this.#take(Pending.SYN_ACK)) return this.#writeSyn(view, offset, true, nowMs);
    if (this.#take(Pending.ACK)) return this.#writeSegment(view, offset, ACK, this.#ackSeq(), 0, nowMs);
    if (this.#take(Pending.FIRST_PAYLOAD)) return this.#writeFirstPayload(view, offset, nowMs);
    if (this.#take(Pending.FIN)) return this.#writeSegment(view, offset, FIN | ACK, this.finSeq, 0, nowMs);
    return 0;
  }

  #take(bit: number): boolean {
    const isPending = (this.#pending & bit) !== 0;
    this.#pending &= ~bit;
    return isPending;
  }

  #writeSyn(view: DataView, offset: number, isAnswer: boolean, nowMs: number): number {
    const { table, local, fingerprint } = this.#context;
    const row = this.#row;
    return writeSyn(
      view,
      offset,
      table.remote,
      row * REMOTE_WORDS,
      local,
      isAnswer ? 0 : Atomics.add(table.identification, row, 1) & 0xffff,
      isAnswer ? SYN | ACK : SYN,
      table.iss[row],
      isAnswer ? seqAdd(table.irs[row], 1) : 0,
      fingerprint.synWindow,
      this.synOptions,
      this.#mss,
      fingerprint.windowScale,
      timestampAt(nowMs, table.tsOffset[row]),
      table.tsRecent[row],
    );
  }

  #writeFirstPayload(view: DataView, offset: number, nowMs: number): number {
    const { table, firstPayload } = this.#context;
    const seq = seqAdd(table.iss[this.#row], 1);
    const length = this.#writeSegment(view, offset, PSH | ACK, seq, firstPayload.length, nowMs);
    const payloadAt = offset + length - firstPayload.length;
    for (let index = 0; index < firstPayload.length; index++) view.setUint8(payloadAt + index, firstPayload[index]);
    return length;
  }

  /** Writes the headers of a segment and returns its whole length. */
  #writeSegment(
    view: DataView,
    offset: number,
    flags: number,
    seq: number,
    payloadLen: number,
    nowMs: number,
  ): number {
    const { table, local } = this.#context;
    const row = this.#row;
    const ack = Atomics.load(table.rcvNxt, row);
    advanceSeq(table.ackSent, row, ack);
    return writeSegment(view, offset, table, row, local, flags, seq, ack, nowMs, payloadLen, 1) + payloadLen;
  }

  /** Sequence number of an acknowledgment. A first payload that still waits has taken its numbers already. */
  #ackSeq(): number {
    const { table } = this.#context;
    if ((this.#pending & Pending.FIRST_PAYLOAD) !== 0) return seqAdd(table.iss[this.#row], 1);
    return Atomics.load(table.sndNxt, this.#row);
  }
}
