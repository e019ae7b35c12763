/**
 * A node in the simulated network: a real device, a lane in software, and the loop of their owner.
 *
 * @module
 */

import type { LogFields, Logger } from "../../src/base/log.ts";
import { pathKindOf, Transport, transportOf } from "../../src/base/path_kind.ts";
import { type RandomSource } from "../../src/base/random.ts";
import { Reason } from "../../src/base/reason.ts";
import { DEFAULT_PATH_PARAMS, type PathParams } from "../../src/conn/path_params.ts";
import { PathControl } from "../../src/control/path_control.ts";
import { EventKind, handshakeBacklog, type LaneEvent, takeEvent } from "../../src/dataplane/events.ts";
import { createTables, droppedFor, Setting, type Tables } from "../../src/dataplane/tables.ts";
import {
  createTransmit,
  Device,
  type DeviceEvent,
  type PeerOptions,
  type PeerSnapshot,
} from "../../src/device/device.ts";
import { DEFAULT_TIMER_PARAMS } from "../../src/noise/constants.ts";
import { KEY_LEN, noblePrimitives, type Primitives } from "../../src/noise/primitives.ts";
import type { NodeControl } from "../../src/node/control_loop.ts";
import { EG_HEADER_LEN, writeEgHeader } from "../../src/wire/eg_header.ts";
import { MessageType } from "../../src/wire/message_type.ts";
import { fullDatagramLength, KEEPALIVE_LEN } from "../../src/wire/transport_message.ts";
import { nodePrimitives } from "../reference/node_primitives.ts";
import {
  type Attachment,
  type AttachOptions,
  endpointOf,
  type SimAddress,
  type SimDatagram,
  type SimHost,
  SimNetwork,
} from "./network.ts";
import { SimStack } from "./sim_stack.ts";
import { SoftLane } from "./soft_lane.ts";

/** Wall clock at simulated time 0: 2026-01-01T00:00:00Z. */
export const EPOCH_MS = Date.UTC(2026, 0, 1);

/** MTU of every node's interface. */
export const SIM_MTU = 1404;
/** Octets that a segment has room for: MTU 1500 without headers and timestamps. */
const SEGMENT_PAYLOAD_MAX = 1448;

/** The runtime's own library where it is several times faster: that leaves time for more seeds. */
const simPrimitives: Primitives = {
  ...noblePrimitives,
  name: "simulation",
  x25519: nodePrimitives.x25519,
  x25519PublicKey: nodePrimitives.x25519PublicKey,
  blake2s: nodePrimitives.blake2s,
  aeadSeal: nodePrimitives.aeadSeal,
  aeadOpen: nodePrimitives.aeadOpen,
};

/** How a node is made. */
export interface SimNodeOptions extends AttachOptions {
  readonly address: SimAddress;
  /** Address of the other family, on an access link of the same kind without a translator. */
  readonly otherAddress?: SimAddress;
  /** 32 octets; drawn from the network's randomness if it isn't given. */
  readonly privateKey?: Uint8Array;
  /** By how much the node's wall clock is ahead of the true time, ms. */
  readonly clockSkewMs?: number;
  readonly allowPrivateIp?: boolean;
  readonly ignorePresharedKey?: boolean;
  /**
   * First two octets of each keepalive, as of a reference node, which leaves there what the buffer last held; `wire.md` §1.6.
   */
  readonly staleKeepalive?: readonly [type: number, ttl: number];
  /** Left out, the node is a reference node to look at: it has UDP, and knows nothing of paths. */
  readonly paths?: SimPathOptions;
  /** The real ones by default. */
  readonly primitives?: Primitives;
  /** Made for it otherwise. */
  readonly tables?: Tables;
  /** Peers that it has room for; 32 by default. */
  readonly peerCapacity?: number;
  /** What comes in waits so long for more, ms, and is handled together, as by a control thread that has much to do. */
  readonly roundMs?: number;
}

/** How a node of ours chooses its paths. */
export interface SimPathOptions {
  /** Whether it has FakeTCP, which listens at the number of its UDP port. */
  readonly fakeTcp: boolean;
  /** Kinds, preferred first. */
  readonly order?: readonly number[];
  readonly params?: Partial<PathParams>;
  /** Bits of `PathCapability` besides. */
  readonly capabilities?: number;
}

/** Events at which a node doesn't wait for more. */
const FULL_ROUND = 128;

/** Order of preference unless a test wants another. */
const DEFAULT_ORDER: readonly number[] = [0, 1, 2, 3];

/** What a node knows of a peer. */
export interface SimPeerOptions extends PeerOptions {
  /** Where it is reached by UDP. */
  readonly address: SimAddress | undefined;
  /** Where it is dialled; what follows from its UDP address otherwise. */
  readonly fakeTcpAddress: SimAddress;
}

/** One line of a node's log. */
export interface SimLogLine {
  readonly level: keyof Logger;
  readonly event: string;
  readonly atMs: number;
  readonly fields: LogFields;
}

/** A node. */
export class SimNode implements SimHost {
  readonly nodeId: number;
  readonly tables: Tables;
  readonly device: Device;
  /** `undefined` for a reference node. */
  readonly paths: PathControl | undefined;
  /** `undefined` without FakeTCP. */
  readonly stack: SimStack | undefined;
  readonly lane: SoftLane;
  readonly attachment: Attachment;
  /** Where it is in the other family. */
  readonly otherAttachment: Attachment | undefined;
  /** By how much its wall clock is ahead of the true time, ms: a test may set the clock. */
  clockSkewMs: number;
  readonly privateKey: Uint8Array;
  readonly log: SimLogLine[] = [];
  /** Writes to {@linkcode SimNode.log}. */
  readonly logger: Logger = this.#createLogger();
  readonly events: DeviceEvent[] = [];
  /** Bodies of content received, as text, oldest first, and when each came. */
  readonly received: string[] = [];
  readonly receivedMs: number[] = [];
  /** Handshake messages that wait besides those in the ring; a test sets it to simulate load. */
  extraBacklog = 0;
  readonly #network: SimNetwork;
  readonly #roundMs: number;
  readonly #due = { device: 0, paths: 0, control: 0 };
  #control: NodeControl | undefined;
  /** When a round is to be made although nothing is due; `Infinity` for not. */
  #rungMs = Infinity;
  readonly #staleKeepalive: readonly [number, number] | undefined;
  readonly #transmit = createTransmit();

  constructor(network: SimNetwork, nodeId: number, options: SimNodeOptions) {
    this.nodeId = nodeId;
    this.#network = network;
    this.clockSkewMs = options.clockSkewMs ?? 0;
    this.#roundMs = options.roundMs ?? 0;
    this.#staleKeepalive = options.staleKeepalive;
    this.privateKey = options.privateKey ?? randomKey(network.random);
    const { peerCapacity = 32, primitives = simPrimitives } = options;
    this.tables = options.tables ?? createTables({ peerCapacity, sourceCapacity: 1, laneCount: 1 });
    this.tables.settings[Setting.MTU] = SIM_MTU;
    this.device = new Device({
      privateKey: this.privateKey,
      tables: this.tables,
      primitives,
      random: network.random,
      timers: DEFAULT_TIMER_PARAMS,
      settings: {
        allowPrivateIp: options.allowPrivateIp ?? true,
        ignorePresharedKey: options.ignorePresharedKey ?? false,
        peerAliveTimeoutMs: 70_000,
      },
      log: this.logger,
    });
    this.lane = new SoftLane(this.tables, primitives, options.paths !== undefined);
    this.attachment = network.attach(this, options.address, options);
    const { otherAddress, link } = options;
    this.otherAttachment = otherAddress && network.attach(this, otherAddress, { link });
    const { port } = options.address;
    this.stack = options.paths?.fakeTcp
      ? new SimStack(network, this.attachment, port, SEGMENT_PAYLOAD_MAX, () => this.#pump())
      : undefined;
    this.paths = options.paths && this.#createPaths(options.paths, port);
  }

  #createPaths({ order = DEFAULT_ORDER, params, capabilities }: SimPathOptions, port: number): PathControl {
    return new PathControl({
      device: this.device,
      selfNodeId: this.nodeId,
      params: { ...DEFAULT_PATH_PARAMS, ...params },
      order,
      fullDatagramLen: fullDatagramLength(SIM_MTU),
      mtu: SIM_MTU,
      random: this.#network.random,
      log: this.logger,
      dialler: this.stack,
      fakeTcpPort: this.stack === undefined ? 0 : port,
      capabilities,
    });
  }

  /** Adds a peer; without `address` we wait for it to initiate. Returns its row. */
  addPeer(peer: SimNode, options: Partial<SimPeerOptions> = {}): number {
    const { address, fakeTcpAddress, ...rest } = options;
    const { nowMs } = this.#network;
    const row = this.device.addPeer({
      nodeId: peer.nodeId,
      publicKey: peer.device.publicKey,
      endpoint: address === undefined || this.paths !== undefined ? undefined : endpointOf(address),
      endpointIsConfigured: address !== undefined,
      ...rest,
    }, nowMs);
    this.paths?.addPeer(row, peer.nodeId, nowMs);
    if (address !== undefined) this.#setEndpoint(row, Transport.UDP, address);
    if (fakeTcpAddress !== undefined) this.#setEndpoint(row, Transport.FAKETCP, fakeTcpAddress);
    this.#pump();
    return row;
  }

  #setEndpoint(peerRow: number, transport: number, address: SimAddress): void {
    const endpoint = endpointOf(address);
    this.paths?.setEndpoint(peerRow, pathKindOf(transport, endpoint[0]), endpoint, this.#network.nowMs);
  }

  /** Sends a text to a peer as the body of a frame. */
  send(peerRow: number, text: string): void {
    this.lane.send(peerRow, this.#content(text), this.#network.nowMs);
    this.#pump();
  }

  /** Lets the node decide about control messages, and send and relay by the routes in its tables. */
  setControl(control: NodeControl): void {
    this.#control = control;
    this.lane.route(this.nodeId);
    this.ring();
  }

  /** Sends a text to a node by the routes, as the body of a frame. */
  sendTo(nodeId: number, text: string): void {
    this.lane.sendByRoute(this.#content(text, nodeId), this.#network.nowMs);
    this.#pump();
  }

  /** Makes the node look up, as soon as it has done what it is at. */
  ring(): void {
    this.#rungMs = this.#network.nowMs;
    this.attachment.wakeAt(this.#rungMs);
  }

  /** Does something with the device and then what the device wants done. */
  act(action: (device: Device, nowMs: number) => void): void {
    action(this.device, this.#network.nowMs);
    this.#pump();
  }

  /** Stops the node for good: a restart is a new node with the same key and address. */
  stop(): void {
    this.attachment.detach();
    this.otherAttachment?.detach();
  }

  /** State of the peer in a row. */
  peer(peerRow: number): PeerSnapshot {
    const found = this.device.snapshot(this.#network.nowMs).find((peer) => peer.row === peerRow);
    if (found === undefined) throw new RangeError(`Cannot show peer row ${peerRow}: it is free`);
    return found;
  }

  /** How often something was dropped for a reason. */
  dropped(reason: number): number {
    return droppedFor(this.tables, reason);
  }

  /** Log lines whose event contains a text. */
  logged(text: string): SimLogLine[] {
    return this.log.filter((line) => line.event.includes(text));
  }

  receive(octets: Uint8Array, source: Uint32Array, nowMs: number): void {
    this.lane.receive(octets, source, pathKindOf(Transport.UDP, source[0]), nowMs);
    if (this.#roundMs === 0 || this.lane.events.size >= FULL_ROUND) return this.#pump();
    if (this.#rungMs !== Infinity) return;
    this.#rungMs = nowMs + this.#roundMs;
    this.attachment.wakeAt(Math.min(this.#rungMs, this.#deadlineMs()));
  }

  receiveSegment(segment: SimDatagram, nowMs: number): void {
    const source = this.stack?.receive(segment);
    if (source !== undefined) {
      this.lane.receive(segment.octets, source, pathKindOf(Transport.FAKETCP, source[0]), nowMs);
    }
    this.#pump();
  }

  unreachable(transport: number, target: Uint32Array, nowMs: number): void {
    this.paths?.handleUnreachable(transport, target, nowMs);
    this.#pump();
  }

  wake(nowMs: number): void {
    // As the control loop does: what was due at the end of the last round.
    const due = this.#due;
    if (nowMs >= due.control) this.#control?.handleTimeout(nowMs, this.wallMs());
    if (nowMs >= due.device) this.device.handleTimeout(nowMs, this.wallMs());
    if (nowMs >= due.paths) this.paths?.handleTimeout(nowMs);
    this.#pump();
  }

  /** Carries events, datagrams and wishes between lane, device and network until there are none left. */
  #pump(): void {
    const nowMs = this.#network.nowMs;
    this.#rungMs = Infinity;
    this.device.setBacklog(handshakeBacklog(this.lane.events) + this.extraBacklog, nowMs);
    for (let event = takeEvent(this.lane.events); event !== undefined; event = takeEvent(this.lane.events)) {
      this.#handleEvent(event, nowMs);
      this.#drain(nowMs);
    }
    this.#drain(nowMs);
    for (const { octets, endpoint, path, peerRow } of this.lane.outgoing.splice(0)) {
      this.#send(octets, endpoint, path, peerRow, nowMs);
    }
    for (const { content } of this.lane.delivered.splice(0)) {
      this.received.push(textOf(content));
      this.receivedMs.push(nowMs);
    }
    if (this.lane.events.size > 0) return this.#pump();
    this.#drain(nowMs);
    this.attachment.wakeAt(Math.min(this.#rungMs, this.#deadlineMs()));
  }

  #deadlineMs(): number {
    const due = this.#due;
    due.device = this.device.pollTimeout();
    due.paths = this.paths?.pollTimeout() ?? Infinity;
    due.control = this.#control?.pollTimeout() ?? Infinity;
    return Math.min(due.device, due.paths, due.control);
  }

  #handleEvent(event: LaneEvent, nowMs: number): void {
    switch (event.kind) {
      case EventKind.MESSAGE: {
        const reason = this.#handleMessage(event, nowMs);
        if (reason !== Reason.NONE) this.device.countDrop(reason);
        break;
      }
      case EventKind.PROBE_WANTED:
        this.paths?.handleProbeWanted(event.peerRow, nowMs);
        break;
      default:
        this.device.handleEvent(event, nowMs, this.wallMs());
    }
  }

  #handleMessage(message: LaneEvent, nowMs: number): number {
    const { peerRow, payload, number, path } = message;
    const type = number & 0xff;
    if (type === MessageType.PATH) return this.paths?.handleMessage(peerRow, payload, path, nowMs) ?? Reason.NONE;
    return this.#control?.handleMessage(message, type, number >> 8, nowMs, this.wallMs()) ?? Reason.NONE;
  }

  /** Does what device, paths and connections want done, until none wants anything any more. */
  #drain(nowMs: number): void {
    const transmit = this.#transmit;
    for (let isDone = false; !isDone;) {
      isDone = true;
      for (let event = this.device.pollEvent(); event !== undefined; event = this.device.pollEvent()) {
        isDone = false;
        if (event.kind === "wake lanes") this.lane.flush(nowMs);
        else this.events.push(event);
        this.paths?.handleDeviceEvent(event, nowMs);
        this.#control?.handleDeviceEvent(event, nowMs);
      }
      for (let event = this.stack?.pollEvent(); event !== undefined; event = this.stack?.pollEvent()) {
        isDone = false;
        if (event.kind === "opened") this.paths?.handleConnectionOpened(event.connection, nowMs);
        else if (event.kind === "doubted") this.paths?.handleConnectionDoubted(event.row, nowMs);
        else this.paths?.handleConnectionClosed(event.row, event.generation, event.why, nowMs);
      }
      while (this.device.pollTransmit(transmit)) {
        const datagram = transmit.octets.subarray(0, transmit.length);
        if (this.#staleKeepalive !== undefined && datagram.length === KEEPALIVE_LEN) datagram.set(this.#staleKeepalive);
        this.#send(datagram, transmit.endpoint, transmit.path, transmit.peerRow, nowMs);
      }
    }
  }

  #send(octets: Uint8Array, endpoint: Uint32Array, path: number, peerRow: number, nowMs: number): void {
    const isSent = transportOf(path) === Transport.UDP
      ? this.#attachmentFor(endpoint)?.send(octets, endpoint) ?? false
      // What was on its way to a connection that is gone is lost.
      : (this.stack?.sendDatagram(octets, endpoint), true);
    if (!isSent) this.paths?.handleSendFailure(peerRow, path, nowMs);
  }

  #attachmentFor(endpoint: Uint32Array): Attachment | undefined {
    const isIn = ({ address }: Attachment) => endpointOf(address)[0] === endpoint[0];
    if (this.otherAttachment === undefined || isIn(this.attachment)) return this.attachment;
    return this.otherAttachment;
  }

  #content(text: string, destination = 0): Uint8Array {
    const body = new TextEncoder().encode(text);
    const content = new Uint8Array(EG_HEADER_LEN + body.length);
    writeEgHeader(content, 0, destination, this.nodeId);
    content.set(body, EG_HEADER_LEN);
    return content;
  }

  /** The node's wall clock, ms. */
  wallMs(): number {
    return EPOCH_MS + this.clockSkewMs + this.#network.nowMs;
  }

  #createLogger(): Logger {
    const write = (level: keyof Logger) => (event: string, fields: LogFields = {}) => {
      this.log.push({ level, event, fields, atMs: this.#network.nowMs });
    };
    return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
  }
}

/** Draws 32 octets. */
export function randomKey(random: RandomSource): Uint8Array {
  const key = new Uint8Array(KEY_LEN);
  random.fill(key);
  return key;
}

/** The text in content, without inner header and padding. */
function textOf(content: Uint8Array): string {
  let end = content.length;
  while (end > EG_HEADER_LEN && content[end - 1] === 0) end--;
  return new TextDecoder().decode(content.subarray(EG_HEADER_LEN, end));
}
