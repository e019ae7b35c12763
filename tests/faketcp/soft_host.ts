/**
 * A host in memory: a stack, its table, and a lane in software that carries datagrams on it.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import { ENDPOINT_WORDS, writeEndpoint } from "../../src/base/endpoint.ts";
import { seededRandom } from "../../src/base/random.ts";
import { Reason } from "../../src/base/reason.ts";
import {
  advanceSeq,
  ConnectionState,
  type ConnectionTable,
  createConnectionTable,
  findConnection,
  NO_CONNECTION,
} from "../../src/faketcp/connection_table.ts";
import { LINUX } from "../../src/faketcp/fingerprint.ts";
import { completeChecksum, createLocalHost, type LocalHost, writeSegment } from "../../src/faketcp/packet.ts";
import { checkSegment, createSegmentInfo, type SegmentInfo, verifyChecksum } from "../../src/faketcp/segment_reader.ts";
import { Stack, type StackEvent, type StackSettings } from "../../src/faketcp/stack.ts";
import { seqAdd, seqInWindow } from "../../src/wire/sequence.ts";
import { TcpFlag } from "../../src/wire/tcp.ts";

/** Port on which every host listens. */
export const PORT = 3001;

/** What a host is made with; the rest has values that suit most tests. */
export interface SoftHostOptions extends Partial<StackSettings> {
  readonly seed?: number;
  readonly capacity?: number;
}

/** A host at 192.0.2.x and 2001:db8::x. */
export class SoftHost {
  readonly address: Uint8Array;
  readonly addressV6: Uint8Array;
  readonly local: LocalHost;
  readonly table: ConnectionTable;
  readonly stack: Stack;
  /** All events so far. */
  readonly events: StackEvent[] = [];
  /** Datagrams that arrived. */
  readonly received: Uint8Array[] = [];
  readonly #out = new Uint8Array(70_000);
  readonly #info = createSegmentInfo();

  /** @param number Last octet of the addresses. */
  constructor(number: number, { seed = number, capacity = 64, ...settings }: SoftHostOptions = {}) {
    this.address = Uint8Array.of(192, 0, 2, number);
    this.addressV6 = Uint8Array.of(0x20, 0x01, 0x0d, 0xb8, ...new Uint8Array(11), number);
    this.local = createLocalHost(this.address, this.addressV6, 64);
    const random = seededRandom(seed);
    this.table = createConnectionTable(capacity, random);
    this.stack = new Stack({
      table: this.table,
      random,
      settings: {
        addressV4: this.address,
        addressV6: this.addressV6,
        listenPorts: [PORT],
        dialPorts: [61000, 65535],
        mtu: 1500,
        fingerprint: LINUX,
        isn: "random",
        firstPayload: new Uint8Array(),
        halfOpenMax: 256,
        ...settings,
      },
    });
  }

  /** Returns the endpoint record of this host's listening port. */
  endpoint(family = 4, port = PORT): Uint32Array {
    const words = new Uint32Array(ENDPOINT_WORDS);
    writeEndpoint(words, 0, family === 4 ? this.address : this.addressV6, port);
    return words;
  }

  /** Does what a lane does with a packet, and what the control thread does with what the lane leaves to it. */
  receive(packet: Uint8Array, nowMs: number): void {
    const info = this.#info;
    const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
    if (checkSegment(view, 0, packet.length, this.local, info) === Reason.NONE) {
      if (verifyChecksum(view, 0, info) !== Reason.NONE) return;
      if (this.#takeData(packet, info, nowMs)) return;
    }
    this.stack.handlePacket(packet, packet.length, nowMs);
    this.#drainEvents();
  }

  /** Takes data and acknowledgments; returns whether the stack needn't see the segment. */
  #takeData(packet: Uint8Array, info: SegmentInfo, nowMs: number): boolean {
    const { table } = this;
    const row = findConnection(table, info.tuple, 0, info.localPort);
    if (row === NO_CONNECTION || (info.flags & (TcpFlag.SYN | TcpFlag.FIN | TcpFlag.RST)) !== 0) return false;
    const state = Atomics.load(table.state, row);
    if (state === ConnectionState.CLOSED) return false;
    if (!seqInWindow(info.seq, seqAdd(table.rcvNxt[row], -table.rcvWnd[row]), 2 * table.rcvWnd[row])) return false;
    if (info.payloadLen > 0) this.received.push(packet.slice(info.payloadAt, info.payloadAt + info.payloadLen));
    advanceSeq(table.rcvNxt, row, seqAdd(info.seq, info.payloadLen));
    if (state !== ConnectionState.OPEN) return false;
    table.lastReceivedMs[row] = nowMs;
    table.sndWnd[row] = info.window << table.sndScale[row];
    if (info.hasTimestamps) table.tsRecent[row] = info.tsVal;
    advanceSeq(table.sndUna, row, info.ack);
    return true;
  }

  /** Makes a segment of `payload` on an open connection; empty for an acknowledgment. */
  segment(row: number, payload: Uint8Array, nowMs: number, flags: number = TcpFlag.ACK | TcpFlag.PSH): Uint8Array {
    const { table } = this;
    const seq = Atomics.add(table.sndNxt, row, payload.length);
    const ack = Atomics.load(table.rcvNxt, row);
    const view = new DataView(this.#out.buffer);
    const headerLen = writeSegment(view, 0, table, row, this.local, flags, seq, ack, nowMs, payload.length, 1);
    this.#out.set(payload, headerLen);
    completeChecksum(view, 0, headerLen + payload.length);
    return this.#out.slice(0, headerLen + payload.length);
  }

  /** Takes out all packets that the stack wants to send. */
  transmit(): Uint8Array[] {
    const packets: Uint8Array[] = [];
    for (let length = this.stack.pollTransmit(this.#out); length > 0; length = this.stack.pollTransmit(this.#out)) {
      packets.push(this.#out.slice(0, length));
      assert.ok(packets.length < 10_000, "the stack never stops sending");
    }
    this.#drainEvents();
    return packets;
  }

  /** Lets time pass. */
  handleTimeout(nowMs: number): void {
    this.stack.handleTimeout(nowMs);
    this.#drainEvents();
  }

  /** Returns the row of the first connection that was opened; fails if there is none. */
  openRow(): number {
    const opened = this.events.find((event) => event.kind === "opened");
    assert.ok(opened, "no connection was opened");
    return opened.row;
  }

  /** Returns how many rows are open. */
  openCount(): number {
    return this.table.state.filter((state) => state === ConnectionState.OPEN).length;
  }

  /** Returns the kinds of the events so far, with what says why. */
  eventNames(): string[] {
    return this.events.map((event) => {
      if (event.kind === "closed") return `closed: ${event.why}`;
      return event.kind === "doubted" ? `doubted: ${event.cause}` : event.kind;
    });
  }

  #drainEvents(): void {
    for (let event = this.stack.pollEvent(); event !== undefined; event = this.stack.pollEvent()) {
      this.events.push(event);
    }
  }
}

/** Reads a packet that some host sent, checksums included; fails if it is no segment. */
export function readSegment(packet: Uint8Array, to: LocalHost): SegmentInfo {
  const view = new DataView(packet.buffer, packet.byteOffset, packet.length);
  const info = createSegmentInfo();
  assert.equal(checkSegment(view, 0, packet.length, to, info), Reason.NONE);
  assert.equal(verifyChecksum(view, 0, info), Reason.NONE);
  return info;
}

/** Carries packets between two hosts without delay or loss, until neither has any left. */
export function exchange(a: SoftHost, b: SoftHost, nowMs: number, onPacket?: (packet: Uint8Array) => void): void {
  for (let rounds = 0; rounds < 50; rounds++) {
    const fromA = a.transmit();
    const fromB = b.transmit();
    if (fromA.length + fromB.length === 0) return;
    for (const packet of [...fromA, ...fromB]) onPacket?.(packet);
    for (const packet of fromA) b.receive(packet, nowMs);
    for (const packet of fromB) a.receive(packet, nowMs);
  }
  assert.fail("two hosts talk for ever");
}

/** Has `a` dial `b`; both are open afterwards. Returns the rows. */
export function connect(a: SoftHost, b: SoftHost, nowMs: number, family = 4): [number, number] {
  const row = a.stack.dial(b.endpoint(family), nowMs);
  assert.notEqual(row, NO_CONNECTION);
  exchange(a, b, nowMs);
  assert.equal(a.table.state[row], ConnectionState.OPEN);
  return [row, b.openRow()];
}
