/**
 * A node in the simulated network: a real device, a lane in software, and the loop of their owner.
 *
 * @module
 */

import type { LogFields, Logger } from "../../src/base/log.ts";
import { type RandomSource } from "../../src/base/random.ts";
import { takeEvent } from "../../src/dataplane/events.ts";
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
import { EG_HEADER_LEN, writeEgHeader } from "../../src/wire/eg_header.ts";
import { KEEPALIVE_LEN } from "../../src/wire/transport_message.ts";
import { nodePrimitives } from "../reference/node_primitives.ts";
import {
  type Attachment,
  type AttachOptions,
  endpointOf,
  type SimAddress,
  type SimHost,
  SimNetwork,
} from "./network.ts";
import { SoftLane } from "./soft_lane.ts";

/** Wall clock at simulated time 0: 2026-01-01T00:00:00Z. */
export const EPOCH_MS = Date.UTC(2026, 0, 1);

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
}

/** One line of a node's log. */
export interface SimLogLine {
  readonly level: keyof Logger;
  readonly event: string;
  readonly fields: LogFields;
}

/** A node. */
export class SimNode implements SimHost {
  readonly nodeId: number;
  readonly tables: Tables = createTables({ peerCapacity: 32, sourceCapacity: 1, laneCount: 1 });
  readonly device: Device;
  readonly lane: SoftLane;
  readonly attachment: Attachment;
  readonly privateKey: Uint8Array;
  readonly log: SimLogLine[] = [];
  readonly events: DeviceEvent[] = [];
  /** Bodies of content received, as text, oldest first. */
  readonly received: string[] = [];
  /** Handshake messages that wait besides those in the ring; a test sets it to simulate load. */
  extraBacklog = 0;
  readonly #network: SimNetwork;
  readonly #clockSkewMs: number;
  readonly #staleKeepalive: readonly [number, number] | undefined;
  readonly #transmit = createTransmit();

  constructor(network: SimNetwork, nodeId: number, options: SimNodeOptions) {
    this.nodeId = nodeId;
    this.#network = network;
    this.#clockSkewMs = options.clockSkewMs ?? 0;
    this.#staleKeepalive = options.staleKeepalive;
    this.privateKey = options.privateKey ?? randomKey(network.random);
    this.tables.settings[Setting.MTU] = 1404;
    this.device = new Device({
      privateKey: this.privateKey,
      tables: this.tables,
      primitives: simPrimitives,
      random: network.random,
      timers: DEFAULT_TIMER_PARAMS,
      settings: {
        allowPrivateIp: options.allowPrivateIp ?? true,
        ignorePresharedKey: options.ignorePresharedKey ?? false,
        peerAliveTimeoutMs: 70_000,
      },
      log: this.#logger(),
    });
    this.lane = new SoftLane(this.tables, simPrimitives);
    this.attachment = network.attach(this, options.address, options);
  }

  /** Adds a peer; without `address` we wait for it to initiate. Returns its row. */
  addPeer(peer: SimNode, options: Partial<PeerOptions> & { address?: SimAddress } = {}): number {
    const { address, ...rest } = options;
    const row = this.device.addPeer({
      nodeId: peer.nodeId,
      publicKey: peer.device.publicKey,
      endpoint: address === undefined ? undefined : endpointOf(address),
      endpointIsConfigured: address !== undefined,
      ...rest,
    }, this.#network.nowMs);
    this.#pump();
    return row;
  }

  /** Sends a text to a peer as the body of a frame. */
  send(peerRow: number, text: string): void {
    this.lane.send(peerRow, this.#content(text), this.#network.nowMs);
    this.#pump();
  }

  /** Does something with the device and then what the device wants done. */
  act(action: (device: Device, nowMs: number) => void): void {
    action(this.device, this.#network.nowMs);
    this.#pump();
  }

  /** Stops the node for good: a restart is a new node with the same key and address. */
  stop(): void {
    this.attachment.detach();
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
    this.lane.receive(octets, source, nowMs);
    this.#pump();
  }

  wake(nowMs: number): void {
    this.device.handleTimeout(nowMs, this.#wallMs());
    this.#pump();
  }

  /** Carries events, datagrams and wishes between lane, device and network until there are none left. */
  #pump(): void {
    const nowMs = this.#network.nowMs;
    this.device.setBacklog(this.lane.events.size + this.extraBacklog, nowMs);
    for (let event = takeEvent(this.lane.events); event !== undefined; event = takeEvent(this.lane.events)) {
      this.device.handleEvent(event, nowMs, this.#wallMs());
      this.#drainDevice(nowMs);
    }
    this.#drainDevice(nowMs);
    for (const { octets, endpoint } of this.lane.outgoing.splice(0)) this.attachment.send(octets, endpoint);
    for (const { content } of this.lane.delivered.splice(0)) this.received.push(textOf(content));
    if (this.lane.events.size > 0) return this.#pump();
    this.attachment.wakeAt(this.device.pollTimeout());
  }

  #drainDevice(nowMs: number): void {
    const transmit = this.#transmit;
    while (this.device.pollTransmit(transmit)) {
      const datagram = transmit.octets.subarray(0, transmit.length);
      if (this.#staleKeepalive !== undefined && datagram.length === KEEPALIVE_LEN) datagram.set(this.#staleKeepalive);
      this.attachment.send(datagram, transmit.endpoint);
    }
    for (let event = this.device.pollEvent(); event !== undefined; event = this.device.pollEvent()) {
      if (event.kind === "wake lanes") this.lane.flush(nowMs);
      else this.events.push(event);
    }
  }

  #content(text: string): Uint8Array {
    const body = new TextEncoder().encode(text);
    const content = new Uint8Array(EG_HEADER_LEN + body.length);
    writeEgHeader(content, 0, 0, this.nodeId);
    content.set(body, EG_HEADER_LEN);
    return content;
  }

  #wallMs(): number {
    return EPOCH_MS + this.#clockSkewMs + this.#network.nowMs;
  }

  #logger(): Logger {
    const write = (level: keyof Logger) => (event: string, fields: LogFields = {}) => {
      this.log.push({ level, event, fields });
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
