/**
 * Nodes whose lanes run in memory, with sessions that stand without a handshake.
 *
 * @module
 */

import { ENDPOINT_WORDS, parseEndpoint } from "../../src/base/endpoint.ts";
import { BROADCAST_NODE_ID } from "../../src/base/node_id.ts";
import { PATH_KIND_COUNT, pathKindOf, Transport } from "../../src/base/path_kind.ts";
import type { Bind } from "../../src/conn/bind.ts";
import { MemoryBind } from "../../src/conn/memory_bind.ts";
import { createEventRing, type LaneEvent, takeEvent } from "../../src/dataplane/events.ts";
import { Lane } from "../../src/dataplane/lane.ts";
import { LaneContext } from "../../src/dataplane/lane_context.ts";
import { pathWord } from "../../src/dataplane/path_word.ts";
import { createTables, KEY_LEN, PeerState, SessionState, Setting, type Tables } from "../../src/dataplane/tables.ts";
import { loadShim, type Shim } from "../../src/ffi/shim.ts";
import type { TapDevice } from "../../src/tap/device.ts";
import { MemoryTap } from "../../src/tap/memory.ts";

/** The shim, loaded when no test runs yet: it stays until the process ends. */
export const shim: Shim = loadShim();

export const MTU = 1404;
export const DEFAULT_TTL = 200;
export const REJECT_AFTER_MS = 180_000;
export const PORT = 3001;
/** Rows of the table of FakeTCP connections. */
export const CONNECTIONS = 8;

/** A neighbour whose datagrams a test makes or reads itself. */
export interface NeighbourOptions {
  readonly nodeId: number;
  /** As `address:port`; none leaves the peer without an endpoint. */
  readonly endpoint?: string;
  /** One of {@linkcode PeerState}. */
  readonly role?: number;
}

/** Makes tables for some lanes, with the settings of an ordinary node. */
export function createTestTables(laneCount = 1): Tables {
  const tables = createTables({ peerCapacity: 32, sourceCapacity: 8, laneCount });
  tables.settings[Setting.MTU] = MTU;
  tables.settings[Setting.DEFAULT_TTL] = DEFAULT_TTL;
  return tables;
}

/** Makes what the parts of one lane share; its time is 1000 ms. */
export function createTestContext(tables: Tables = createTestTables(), nodeId = 1): LaneContext {
  const context = new LaneContext(tables, 0, nodeId, createEventRing(), REJECT_AFTER_MS);
  context.nowMs = 1000;
  return context;
}

/** Index of the path of a peer in the columns that have one entry a path. */
export function pathOf(row: number, kind: number): number {
  return row * PATH_KIND_COUNT + kind;
}

/** Stores the endpoint of a path as the control thread does. */
export function storeEndpoint(tables: Tables, row: number, kind: number, endpoint: Uint32Array): void {
  Atomics.add(tables.pathEndpointVersion, pathOf(row, kind), 1);
  tables.pathEndpoint.set(endpoint, pathOf(row, kind) * ENDPOINT_WORDS);
  Atomics.add(tables.pathEndpointVersion, pathOf(row, kind), 1);
}

/** The index that the owner of a session in `row` chose for it. */
export function localIndex(row: number): number {
  return 0xabcd00 * 128 + row;
}

/**
 * Enters a neighbour in a row, and a session in the row of the same number: every octet of a key is its sender's id. Its
 * only path is UDP, of the family of its endpoint.
 */
export function enterNeighbour(tables: Tables, row: number, selfNodeId: number, neighbour: NeighbourOptions): void {
  const { nodeId, endpoint, role = PeerState.EDGE } = neighbour;
  tables.peerState[row] = role;
  tables.peerNodeId[row] = nodeId;
  tables.pathEndpoint.fill(0, pathOf(row, 0) * ENDPOINT_WORDS, pathOf(row + 1, 0) * ENDPOINT_WORDS);
  for (let kind = 0; kind < PATH_KIND_COUNT; kind++) Atomics.add(tables.pathEndpointVersion, pathOf(row, kind), 2);
  tables.peerPath[row] = 0;
  tables.peerConfirmedUntilMs[row] = Infinity;
  if (endpoint !== undefined) {
    const record = parseEndpoint(endpoint)!;
    const kind = pathKindOf(Transport.UDP, record[0]);
    storeEndpoint(tables, row, kind, record);
    tables.peerPath[row] = pathWord(kind, 0, 0);
  }
  tables.sessionPeer[row] = row;
  tables.sessionLocalIndex[row] = localIndex(row);
  tables.sessionRemoteIndex[row] = localIndex(row);
  tables.sessionCreatedMs[row] = 0;
  tables.sessionSendKey.fill(selfNodeId, row * KEY_LEN, (row + 1) * KEY_LEN);
  tables.sessionReceiveKey.fill(nodeId, row * KEY_LEN, (row + 1) * KEY_LEN);
  tables.sessionGeneration[row]++;
  tables.sessionState[row] = SessionState.LIVE;
  tables.peerCurrentSession[row] = row;
}

/** Takes all events of a node's or a context's ring. */
export function takeEvents({ events }: { readonly events: LaneContext["events"] }): LaneEvent[] {
  return Array.from({ length: events.size }, () => takeEvent(events)!);
}

/** What a node is made of besides memory. */
export interface TestNodeOptions {
  readonly lanes?: number;
  readonly tap?: TapDevice;
  /** Makes the binds of a lane; one for UDP over IPv4 by default. */
  readonly makeBinds?: () => readonly Bind[];
  readonly l2fibTimeoutSeconds?: number;
  readonly wakeFd?: number;
}

/** A node in memory, and what it takes to give it neighbours with ready sessions. */
export class TestNode implements Disposable {
  readonly nodeId: number;
  readonly tables: Tables;
  readonly events = createEventRing();
  readonly tap = new MemoryTap();
  readonly binds: readonly MemoryBind[];
  readonly lanes: readonly Lane[];
  readonly endpoint: Uint32Array;
  nowMs = 1000;

  constructor(nodeId: number, options: TestNodeOptions = {}) {
    const { lanes = 1, tap = this.tap, makeBinds, l2fibTimeoutSeconds = 0, wakeFd = -1 } = options;
    this.nodeId = nodeId;
    this.tables = createTestTables(lanes);
    this.endpoint = parseEndpoint(this.address)!;
    this.binds = Array.from({ length: lanes }, () => new MemoryBind());
    this.lanes = this.binds.map((bind, lane) =>
      new Lane({
        tables: this.tables,
        lane,
        selfNodeId: nodeId,
        events: this.events,
        tap,
        mergeUdp: true,
        binds: makeBinds?.() ?? [bind],
        connections: CONNECTIONS,
        wakeFd,
        l2fibSeed: 1,
        l2fibTimeoutSeconds,
        mac1Key: new Uint8Array(32),
        rejectAfterMs: REJECT_AFTER_MS,
      }, shim)
    );
  }

  /** Where the node is reached, as text. */
  get address(): string {
    return `192.0.2.${this.nodeId}:${PORT}`;
  }

  /** The bind of the first lane, unless others were made. */
  get bind(): MemoryBind {
    return this.binds[0];
  }

  /** Makes `peer` a neighbour in `row` with a session, and the way to `nodes`; the peer has us in `peerRow`. */
  connect(row: number, peer: TestNode, nodes: number[], peerRow: number): void {
    const { tables } = this;
    enterNeighbour(tables, row, this.nodeId, { nodeId: peer.nodeId, endpoint: peer.address });
    tables.sessionRemoteIndex[row] = localIndex(peerRow);
    tables.sessionCreatedMs[row] = this.nowMs;
    for (const node of nodes) tables.nextHopPeer[node] = row;
    tables.broadcastPeers[0] |= 1 << row;
  }

  /** Takes what the lanes reported. */
  takeEvents(): LaneEvent[] {
    return takeEvents(this);
  }

  /** Lets every lane take a turn, a millisecond later. */
  step(): void {
    this.nowMs += 1;
    for (const lane of this.lanes) lane.step(this.nowMs);
  }

  /** Takes what this node sent and gives it to the others by address. Returns how many datagrams that were. */
  deliverTo(...others: TestNode[]): number {
    const sent = this.binds.flatMap((bind) => bind.sent.splice(0));
    for (const { octets, endpoint } of sent) {
      for (const other of others) {
        if (endpoint[2] === other.endpoint[2]) other.bind.put({ octets, endpoint: this.endpoint });
      }
    }
    return sent.length;
  }

  [Symbol.dispose](): void {
    for (const lane of this.lanes) lane[Symbol.dispose]();
  }
}

/** A frame with its virtio header, from node `source` to node `destination` (or everybody), of `payloadLen` octets. */
export function frameOf(source: number, destination: number, payloadLen: number): Uint8Array {
  const frame = new Uint8Array(10 + 14 + payloadLen);
  frame.set(destination === BROADCAST_NODE_ID ? [255, 255, 255, 255, 255, 255] : [2, 0, 0, 0, 0, destination], 10);
  frame.set([2, 0, 0, 0, 0, source, 0x88, 0xb5], 16);
  for (let index = 24; index < frame.length; index++) frame[index] = index;
  return frame;
}

/** Takes what a node wrote to its tap: `length` octets of each frame, without virtio header and padding. */
export function written(node: TestNode, length: number): Uint8Array[] {
  return node.tap.written.splice(0).map((frame) => frame.subarray(10, 10 + length));
}

/** Two nodes, 1 and 2, each other's neighbour in row 0. */
export function pair(oneOptions: TestNodeOptions = {}, twoOptions: TestNodeOptions = {}): [TestNode, TestNode] {
  const [one, two] = [new TestNode(1, oneOptions), new TestNode(2, twoOptions)];
  one.connect(0, two, [2], 0);
  two.connect(0, one, [1], 0);
  return [one, two];
}
