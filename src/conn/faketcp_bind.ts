// No allocation per packet in this file.
/**
 * Datagrams dressed as TCP segments: the contract of a bind over one queue of the TUN device.
 *
 * ```text
 *   sendRuns ──▶ SegmentSender ───────────────────────────▶ PacketQueue
 *                     ▲  acknowledgments
 *                DelayedAcks ◀──┐
 *                               │
 *   receiveBurst ◀────────── SegmentReceiver ◀───────────── PacketQueue
 *                               │  SYN, FIN, RST, unknown tuples, ICMP
 *                               └──▶ SegmentGate ──▶ SegmentSink (the control thread)
 * ```
 *
 * Connections are rows of a table that all lanes share; an endpoint record names its row, so nothing is looked up on the way
 * out. The control thread opens and closes them (`faketcp/stack.ts`).
 *
 * @module
 */

import { PathKind, Transport } from "../base/path_kind.ts";
import { type ConnectionTable } from "../faketcp/connection_table.ts";
import { DelayedAcks } from "../faketcp/delayed_ack.ts";
import { type LocalHost } from "../faketcp/packet.ts";
import { type PacketQueue } from "../faketcp/packet_queue.ts";
import { type CookieOptions, SegmentGate, type SegmentSink } from "../faketcp/segment_gate.ts";
import { SegmentReceiver } from "../faketcp/segment_receiver.ts";
import { SEGMENT_RUN_DATAGRAMS_MAX, SEGMENT_RUN_LEN_MAX, SegmentSender } from "../faketcp/segment_sender.ts";
import { type Bind, type DatagramBurst } from "./bind.ts";

/** What a bind is made of. */
export interface FakeTcpBindOptions {
  readonly table: ConnectionTable;
  readonly local: LocalHost;
  /** Closed with the bind. */
  readonly queue: PacketQueue;
  /** Takes what isn't the lane's own business. */
  readonly sink: SegmentSink;
  /** How SYNs are answered while there are too many. */
  readonly cookies: CookieOptions;
  /** Whether checksums that the kernel doesn't vouch for are verified. */
  readonly verifiesChecksums: boolean;
}

/** FakeTCP, as a lane or the control thread sees it. */
export class FakeTcpBind implements Bind {
  readonly fd: number;
  readonly transport = Transport.FAKETCP;
  readonly kinds: readonly number[] = [PathKind.FAKETCP6, PathKind.FAKETCP4];
  readonly runLenMax = SEGMENT_RUN_LEN_MAX;
  readonly runDatagramsMax = SEGMENT_RUN_DATAGRAMS_MAX;
  readonly #queue: PacketQueue;
  readonly #sender: SegmentSender;
  readonly #acks: DelayedAcks;
  readonly #receiver: SegmentReceiver;

  constructor(options: FakeTcpBindOptions) {
    const { table, local, queue, sink, cookies, verifiesChecksums } = options;
    this.fd = queue.fd;
    this.#queue = queue;
    this.#sender = new SegmentSender(table, local, queue);
    this.#acks = new DelayedAcks(table, this.#sender);
    const gate = new SegmentGate(table, this.#sender, sink, cookies);
    this.#receiver = new SegmentReceiver(table, local, queue, this.#acks, gate, sink, verifiesChecksums);
  }

  service(nowMs: number): number {
    this.#sender.nowMs = nowMs;
    this.#receiver.nowMs = nowMs;
    return this.#acks.service(nowMs);
  }

  receiveBurst(burst: DatagramBurst): number {
    return this.#receiver.receiveBurst(burst);
  }

  sendRuns(octets: Uint8Array, runs: Uint32Array, count: number, endpoints: Uint32Array): number {
    return this.#sender.sendRuns(octets, runs, count, endpoints);
  }

  /** Routers report to the stack's address: their errors come as packets, and go to the sink. */
  readErrors(): number {
    return 0;
  }

  waitForRoom(timeoutMs: number): void {
    this.#queue.waitForRoom(timeoutMs);
  }

  /**
   * Writes an IP packet of the stack as it stands, `length` octets at `at`, checksums complete. Allocates nothing.
   *
   * @returns 0, or a positive error number.
   */
  writePacket(octets: Uint8Array, at: number, length: number): number {
    return this.#sender.sendPacket(octets, at, length);
  }

  [Symbol.dispose](): void {
    this.#queue[Symbol.dispose]();
  }
}
