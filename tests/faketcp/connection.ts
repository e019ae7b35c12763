/**
 * Both ends of FakeTCP connections that no handshake opened, for tests of what carries data.
 *
 * @module
 */

import { ENDPOINT_CONNECTION, ENDPOINT_GENERATION, ENDPOINT_WORDS, parseEndpoint } from "../../src/base/endpoint.ts";
import { FakeTcpBind } from "../../src/conn/faketcp_bind.ts";
import {
  ConnectionFlag,
  ConnectionState,
  type ConnectionTable,
  createConnectionTable,
  linkConnection,
} from "../../src/faketcp/connection_table.ts";
import { createLocalHost, type LocalHost } from "../../src/faketcp/packet.ts";
import { checkSegment, createSegmentInfo, type SegmentInfo, verifyChecksum } from "../../src/faketcp/segment_reader.ts";
import { type SegmentSink } from "../../src/faketcp/segment_gate.ts";
import { Reason, REASON_NAMES } from "../../src/base/reason.ts";
import { VIRTIO_NET_HDR_LEN } from "../../src/wire/virtio_net_hdr.ts";
import { MemoryQueue } from "./memory_queue.ts";

export const { OPEN, HALF_OPEN, CLOSED } = ConnectionState;
export const { TIMESTAMPS, WINDOW_SCALE, SINGLES } = ConnectionFlag;

/** Random numbers that are the same in each run. */
export function countingRandom() {
  let state = 1;
  const uint32 = () => state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return {
    uint32,
    fill(octets: Uint8Array) {
      for (let index = 0; index < octets.length; index++) octets[index] = uint32() >>> 24;
    },
  };
}

/** How a connection is to be. */
export interface ConnectionOptions {
  readonly state?: number;
  readonly flags?: number;
  /** First sequence numbers of ours and of the peer. */
  readonly iss?: number;
  readonly irs?: number;
  readonly maxDatagramLen?: number;
}

/** Enters a connection into a table, as the stack does once the handshake is done. */
export function enterConnection(
  table: ConnectionTable,
  row: number,
  remote: Uint32Array,
  localPort: number,
  options: ConnectionOptions = {},
): void {
  const { state = OPEN, flags = TIMESTAMPS | WINDOW_SCALE, iss = 1000, irs = 2000, maxDatagramLen = 65_463 } = options;
  const isScaled = (flags & WINDOW_SCALE) !== 0;
  Atomics.add(table.generation, row, 1);
  table.flags[row] = flags;
  table.iss[row] = iss;
  table.irs[row] = irs;
  table.sndScale[row] = table.rcvScale[row] = isScaled ? 7 : 0;
  table.rcvWnd[row] = table.sndWnd[row] = isScaled ? 0xffff << 7 : 0xffff;
  table.tsOffset[row] = 0x80000000;
  table.tsRecent[row] = 0x80000000;
  table.maxDatagramLen[row] = maxDatagramLen;
  table.sndNxt[row] = table.sndUna[row] = iss + 1;
  table.rcvNxt[row] = table.ackSent[row] = irs + 1;
  linkConnection(table, row, remote, 0, localPort);
  Atomics.store(table.state, row, state);
}

/** Collects what a lane hands to the control thread. */
export class RecordingSink implements SegmentSink {
  readonly taken: Uint8Array[] = [];
  readonly dropped = new Map<string, number>();
  hasRoom = true;

  takeSegment(octets: Uint8Array, at: number, length: number): boolean {
    if (this.hasRoom) this.taken.push(octets.slice(at, at + length));
    return this.hasRoom;
  }

  drop(reason: number, count: number): void {
    const name = REASON_NAMES[reason];
    this.dropped.set(name, (this.dropped.get(name) ?? 0) + count);
  }

  /** Returns what was dropped since the last call, by name. */
  takeDropped(): Record<string, number> {
    const dropped = Object.fromEntries(this.dropped);
    this.dropped.clear();
    return dropped;
  }
}

/** One side of a connection: table, lane and queue. */
export interface Side {
  readonly table: ConnectionTable;
  readonly local: LocalHost;
  readonly queue: MemoryQueue;
  readonly sink: RecordingSink;
  readonly bind: FakeTcpBind;
  /** Endpoint of the other side, with row 0 of the table. */
  readonly peer: Uint32Array<ArrayBuffer>;
}

/** Names both sides of a connection. */
export const ADDRESSES = {
  4: ["192.0.2.1:61000", "198.51.100.2:3000"],
  6: ["[2001:db8::1]:61000", "[2001:db8:1::2]:3000"],
} as const;

/** Ports that sides listen on. */
export const COOKIES = { ports: [3000], mssV4: 1460, mssV6: 1440, window: 64240 };

/** Makes one side with its end of a connection in row 0. */
export function createSide(index: 0 | 1, family: 4 | 6 = 4, options: ConnectionOptions = {}, offload = true): Side {
  const [own, other] = [parseEndpoint(ADDRESSES[family][index])!, parseEndpoint(ADDRESSES[family][1 - index])!];
  const table = createConnectionTable(8, countingRandom());
  const addresses = ([4, 6] as const).map((each) => octetsOf(ADDRESSES[each][index]));
  const local = createLocalHost(addresses[0], addresses[1], 64);
  enterConnection(table, 0, other, own[1], options);
  const queue = new MemoryQueue(offload);
  const sink = new RecordingSink();
  const bind = new FakeTcpBind({ table, local, queue, sink, cookies: COOKIES, verifiesChecksums: true });
  bind.service(0);
  return { table, local, queue, sink, bind, peer: endpointOfRow(table, 0, other) };
}

/** Makes both ends of one connection. */
export function createPair(family: 4 | 6 = 4, options: ConnectionOptions = {}, offload = true): [Side, Side] {
  const { iss = 1000, irs = 2000 } = options;
  return [createSide(0, family, options, offload), createSide(1, family, { ...options, iss: irs, irs: iss }, offload)];
}

/** Returns the endpoint record of a connection. */
export function endpointOfRow(table: ConnectionTable, row: number, remote: Uint32Array): Uint32Array<ArrayBuffer> {
  const endpoint = Uint32Array.from(remote.subarray(0, ENDPOINT_WORDS));
  endpoint[ENDPOINT_CONNECTION] = row + 1;
  endpoint[ENDPOINT_GENERATION] = table.generation[row];
  return endpoint;
}

function octetsOf(endpoint: string): Uint8Array {
  const words = parseEndpoint(endpoint)!;
  return new Uint8Array(words.slice(2, words[0] === 4 ? 3 : 6).buffer);
}

/** Moves what one side wrote into the other's queue, in order. Returns how many packets. */
export function deliver(from: Side, to: Side): number {
  const packets = from.queue.written.splice(0);
  for (const packet of packets) to.queue.put(packet);
  return packets.length;
}

/** Sends one run of the given length on row 0; returns 0 or the error number. */
export function sendRun(side: Side, length: number, segment = 0, octets: Uint8Array = new Uint8Array(length)): number {
  const runs = Uint32Array.of(0, length, segment, 0, 99);
  side.bind.sendRuns(octets, runs, 1, side.peer);
  return runs[4];
}

/** A packet that a side wrote, taken apart. */
export interface WrittenSegment extends SegmentInfo {
  readonly flagsOfHeader: number;
  readonly gsoType: number;
  readonly gsoSize: number;
  readonly identification: number;
  readonly payload: Uint8Array;
  /** Whether the checksum, completed as a network card would, is right. */
  readonly isIntact: boolean;
}

/** Takes apart what `from` wrote, as `to` reads it. */
export function takeWritten(from: Side, to: Side): WrittenSegment[] {
  return from.queue.written.splice(0).map((packet) => readWritten(packet, to.local));
}

/** Takes apart one packet behind its virtio header. */
export function readWritten(packet: Uint8Array<ArrayBuffer>, local: LocalHost): WrittenSegment {
  const whole = new DataView(packet.buffer);
  const at = VIRTIO_NET_HDR_LEN;
  const info = createSegmentInfo();
  const reason = checkSegment(whole, at, packet.length - at, local, info);
  if (reason !== Reason.NONE) throw new Error(`wrote what can't be read: ${REASON_NAMES[reason]}`);
  completeOffload(packet);
  return {
    ...info,
    flagsOfHeader: packet[0],
    gsoType: packet[1],
    gsoSize: whole.getUint16(4, true),
    identification: whole.getUint16(at + 4),
    payload: packet.subarray(info.payloadAt, info.payloadAt + info.payloadLen),
    isIntact: verifyChecksum(whole, at, info) === Reason.NONE,
  };
}

/** Completes the checksum of a packet that has NEEDS_CSUM, as a network card does. */
export function completeOffload(packet: Uint8Array<ArrayBuffer>): void {
  const view = new DataView(packet.buffer);
  if ((packet[0] & 1) === 0) return;
  const start = VIRTIO_NET_HDR_LEN + view.getUint16(6, true);
  let sum = 0;
  for (let at = start; at < packet.length; at++) sum += (at - start) % 2 === 0 ? packet[at] << 8 : packet[at];
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 0x10000);
  view.setUint16(start + view.getUint16(8, true), 0xffff - sum);
}
