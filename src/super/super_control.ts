/**
 * The deciding part of a super node: joins the sessions with edges, the registry, the routes and the documents.
 *
 * Like all parts that it joins it does no I/O, reads no clock and starts no timer, so that a super node and a thousand edges
 * run in one process in simulated time. Each identity has a control loop, and each loop drives its own {@linkcode NodeControl}
 * of this; what concerns both is done by whichever looks first, and the other is rung up.
 *
 * ```text
 *   identity IPv4 ─┐ Register, Pong, documents               ┌─▶ Registry ── pushes ──▶ sessions of both identities
 *   identity IPv6 ─┴───────────────▶ SuperControl ───────────┤
 *   HTTP ── reports, administration ──────▲                  └─▶ RouteComputer ── next-hop table ──▶ Registry
 * ```
 *
 * @module
 */

import { formatEndpoint } from "../base/endpoint.ts";
import type { Logger } from "../base/log.ts";
import { formatNodeId, type NodeId, SUPER_NODE_ID } from "../base/node_id.ts";
import { PathKind } from "../base/path_kind.ts";
import type { RandomSource } from "../base/random.ts";
import { Reason } from "../base/reason.ts";
import { DocumentExchange } from "../control/document_exchange.ts";
import { type DocumentAnswer, DocumentKind, DocumentStatus, FRAGMENT_LEN_MAX } from "../control/documents.ts";
import { decodePeerReport, decodePong, decodeRegister, encodeServerUpdate } from "../control/message_codec.ts";
import { type PeerReport, type Pong, ServerAction, type ServerUpdate } from "../control/messages.ts";
import type { PathControl } from "../control/path_control.ts";
import type { LaneEvent } from "../dataplane/events.ts";
import type { Device, DeviceEvent, PeerRefusal } from "../device/device.ts";
import type { NodeControl } from "../node/control_loop.ts";
import { equalOctets } from "../noise/primitives.ts";
import { UNREACHABLE_MS } from "../route/latency_filter.ts";
import { EG_HEADER_LEN, readSource } from "../wire/eg_header.ts";
import { MessageType } from "../wire/message_type.ts";
import type { NodeAddresses, Registry } from "./registry.ts";
import type { RouteSource } from "./route_computer.ts";

/** What is controlled of an identity. */
export interface ControlledIdentity {
  readonly family: 4 | 6;
  readonly device: Device;
  readonly paths: PathControl;
  /** Makes its loop look up. */
  ring(): void;
}

/** An edge that may have sessions. */
export interface SessionPeer {
  readonly nodeId: NodeId;
  /** 32 octets. */
  readonly publicKey: Uint8Array;
  /** 32 octets; `undefined` for none. */
  readonly presharedKey: Uint8Array | undefined;
}

/** What a super node's control is made of. */
export interface SuperControlOptions {
  readonly identities: readonly ControlledIdentity[];
  readonly registry: Registry;
  readonly routes: RouteSource;
  readonly random: RandomSource;
  readonly log: Logger;
}

/** An edge that is removed is told so often, and so far apart, ms; `behaviour.md` §3.8. */
const NOTICES = 10;
const NOTICE_INTERVAL_MS = 100;
/** Code of the notice of removal. */
const NOTICE_CODE = 2;

const MS_PER_S = 1000;

/** An edge on its way out. */
interface Dismissal {
  noticesLeft: number;
  nextMs: number;
}

/** An identity, with what belongs to its sessions. */
interface Station {
  readonly identity: ControlledIdentity;
  readonly documents: DocumentExchange;
}

/** Decides for a super node. */
export class SuperControl {
  readonly #options: SuperControlOptions;
  readonly #stations: readonly Station[];
  readonly #dismissals = new Map<NodeId, Dismissal>();
  /** The last that we were given. */
  #wallMs = 0;

  constructor(options: SuperControlOptions) {
    this.#options = options;
    this.#stations = options.identities.map((identity) => ({
      identity,
      documents: new DocumentExchange({
        send: (peerRow, body, nowMs) => this.#sendFragment(identity, peerRow, body, nowMs),
        serve: (peerRow, kind, payload, nowMs) => this.#serve(identity, peerRow, kind, payload, nowMs),
        random: options.random,
        bodyLenMax: FRAGMENT_LEN_MAX,
      }),
    }));
  }

  /** Returns what the loop of an identity drives. */
  controlOf(identity: ControlledIdentity): NodeControl {
    const station = this.#stations.find((station) => station.identity === identity);
    if (station === undefined) throw new RangeError("Cannot control an identity of another super node");
    return {
      handleMessage: (message, type, _ttl, nowMs, wallMs) => {
        this.#wallMs = wallMs;
        return this.#handleMessage(station, message, type, nowMs, wallMs);
      },
      handleDeviceEvent: (event, nowMs) => this.#handleDeviceEvent(identity, event, nowMs),
      handleTimeout: (nowMs) => {
        station.documents.handleTimeout(nowMs);
        this.#handleShared(nowMs);
      },
      pollTimeout: () => Math.min(station.documents.pollTimeout(), this.#pollShared()),
    };
  }

  /** Tells why an edge can't have sessions; `undefined` if it can. Who has its NodeId or key and is on the way out goes at once. */
  refusalOf(peer: SessionPeer, nowMs: number): PeerRefusal | undefined {
    for (const nodeId of this.#dismissals.keys()) {
      if (nodeId === peer.nodeId || this.#hasKey(nodeId, peer.publicKey, nowMs)) this.#drop(nodeId, nowMs);
    }
    for (const { device } of this.#options.identities) {
      const refusal = device.refusalOf(peer);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  /**
   * Gives an edge its sessions, a peer in each identity, and a place in the routes.
   *
   * @throws {RangeError} If {@linkcode SuperControl.refusalOf} has an answer.
   */
  addSessions(peer: SessionPeer, nowMs: number): void {
    const { nodeId, publicKey, presharedKey } = peer;
    for (const { device, paths } of this.#options.identities) {
      paths.addPeer(device.addPeer({ nodeId, publicKey, presharedKey }, nowMs), nodeId, nowMs);
    }
    this.#options.routes.addNode(nodeId);
  }

  /** Tells an edge that was removed to end, and ends its sessions after that. */
  dismiss(nodeId: NodeId, nowMs: number): void {
    this.#options.routes.removeNode(nodeId);
    this.#dismissals.set(nodeId, { noticesLeft: NOTICES, nextMs: nowMs });
    this.ring();
  }

  /** Takes in a report whose sender is known to be the node. */
  takeReport(nodeId: NodeId, report: PeerReport, nowMs: number, wallMs: number): void {
    const { registry } = this.#options;
    this.#noteAddresses(nodeId, nowMs);
    registry.noteReport(nodeId, report, nowMs, wallMs);
    for (const pong of report.pongs) this.#measure(nodeId, pong, nowMs);
    this.#holdRoutes(nowMs);
    this.ring();
  }

  /** Something changed that edges are to be told of. */
  ring(): void {
    for (const identity of this.#options.identities) identity.ring();
  }

  #handleMessage(station: Station, message: LaneEvent, type: number, nowMs: number, wallMs: number): number {
    const { identity, documents } = station;
    const { payload, peerRow } = message;
    const nodeId = nodeOf(identity, peerRow);
    if (nodeId === undefined || this.#dismissals.has(nodeId)) return Reason.SESSION_UNKNOWN;
    // An edge that takes itself for another node is to be told so: what it registers is refused with the reason.
    if (type !== MessageType.REGISTER && readSource(payload, 0) !== nodeId) return Reason.MESSAGE_FORGED;
    const body = payload.subarray(EG_HEADER_LEN);
    switch (type) {
      case MessageType.REGISTER:
        return this.#handleRegister(identity, peerRow, nodeId, body, nowMs, wallMs);
      case MessageType.PONG:
        return this.#handlePong(nodeId, body, nowMs);
      case MessageType.DOCUMENT:
        return documents.handleMessage(peerRow, payload, nowMs);
      default:
        return Reason.USAGE_FORBIDDEN;
    }
  }

  #handleRegister(
    identity: ControlledIdentity,
    peerRow: number,
    nodeId: NodeId,
    body: Uint8Array,
    nowMs: number,
    wallMs: number,
  ): number {
    const { registry } = this.#options;
    const register = decodeRegister(body);
    if (typeof register === "number") return Reason.MESSAGE_MALFORMED;
    this.#noteAddresses(nodeId, nowMs);
    const refusal = registry.handleRegister(nodeId, register, nowMs, wallMs);
    if (refusal !== undefined) this.#send(identity, peerRow, refusal, SUPER_NODE_ID, nowMs);
    return Reason.NONE;
  }

  #handlePong(nodeId: NodeId, body: Uint8Array, nowMs: number): number {
    const pong = decodePong(body);
    if (typeof pong === "number") return Reason.MESSAGE_MALFORMED;
    return this.#measure(nodeId, pong, nowMs);
  }

  #handleDeviceEvent(identity: ControlledIdentity, event: DeviceEvent, nowMs: number): void {
    if (event.kind !== "endpoint changed" && event.kind !== "session established") return;
    const nodeId = nodeOf(identity, event.peerRow);
    if (nodeId !== undefined) this.#noteAddresses(nodeId, nowMs);
  }

  /** Enters what a node measured of the links that end at it. */
  #measure(nodeId: NodeId, pong: Pong, nowMs: number): number {
    const { registry, routes } = this.#options;
    const { source, destination, latencyS, timeToLiveS, additionalCostMs } = pong;
    if (destination !== nodeId || source === destination) return Reason.MESSAGE_FORGED;
    if (registry.node(source) === undefined || registry.node(nodeId) === undefined) return Reason.MESSAGE_FORGED;
    if (!Number.isFinite(latencyS) || !Number.isFinite(additionalCostMs)) return Reason.MESSAGE_MALFORMED;
    if (!(timeToLiveS > 0)) return Reason.MESSAGE_MALFORMED;
    const { peerAliveTimeoutMs } = registry.parameters;
    const measurement = {
      source,
      destination,
      latencyMs: clamp(latencyS * MS_PER_S, UNREACHABLE_MS),
      additionalCostMs: registry.additionalCostOf(nodeId, additionalCostMs),
      validForMs: Math.min(timeToLiveS * MS_PER_S, peerAliveTimeoutMs),
    };
    routes.measure(measurement, nowMs);
    return Reason.NONE;
  }

  #serve(
    identity: ControlledIdentity,
    peerRow: number,
    kind: number,
    payload: Uint8Array,
    nowMs: number,
  ): DocumentAnswer {
    const { registry } = this.#options;
    const nodeId = nodeOf(identity, peerRow);
    if (nodeId === undefined || registry.node(nodeId) === undefined) return answer(DocumentStatus.NOT_FOUND);
    if (kind !== DocumentKind.REPORT) {
      return registry.document(kind, nodeId, undefined, new TextDecoder().decode(payload));
    }
    const report = decodePeerReport(payload);
    if (typeof report === "number") return answer(DocumentStatus.BAD_REQUEST);
    if (!registry.allowsReport(nodeId, nowMs)) return answer(DocumentStatus.TOO_MANY);
    this.takeReport(nodeId, report, nowMs, this.#wallMs);
    return answer(DocumentStatus.OK);
  }

  #sendFragment({ device }: ControlledIdentity, peerRow: number, body: Uint8Array, nowMs: number): boolean {
    const destination = device.nodeOf(peerRow);
    if (destination === undefined || !device.hasSession(peerRow, nowMs)) return false;
    const message = { type: MessageType.DOCUMENT, ttl: 0, destination, source: SUPER_NODE_ID, body };
    return device.sendMessage(peerRow, message, nowMs);
  }

  /** Does what concerns both identities. */
  #handleShared(nowMs: number): void {
    const { registry, routes } = this.#options;
    // Before anybody is told of the table: whoever has just come may have routes that it would take away.
    this.#holdRoutes(nowMs);
    routes.handleTimeout(nowMs);
    registry.handleTimeout(nowMs);
    // Who was waited for may just have been given up.
    this.#holdRoutes(nowMs);
    for (let push = registry.pollPush(); push !== undefined; push = registry.pollPush()) {
      this.#tell(push.nodeId, push.update, SUPER_NODE_ID, nowMs);
    }
    for (const [nodeId, dismissal] of this.#dismissals) this.#pollDismissal(nodeId, dismissal, nowMs);
  }

  /** Keeps routes back while edges are awaited. What ends that calls this, so that routes are due at once. */
  #holdRoutes(nowMs: number): void {
    const { registry, routes } = this.#options;
    routes.hold(!registry.isRouteInputComplete(nowMs));
  }

  #pollShared(): number {
    const { registry, routes } = this.#options;
    let next = Math.min(registry.pollTimeout(), routes.pollTimeout());
    for (const { nextMs } of this.#dismissals.values()) next = Math.min(next, nextMs);
    return next;
  }

  #pollDismissal(nodeId: NodeId, dismissal: Dismissal, nowMs: number): void {
    if (nowMs < dismissal.nextMs) return;
    if (dismissal.noticesLeft === 0) return this.#drop(nodeId, nowMs);
    dismissal.noticesLeft--;
    dismissal.nextMs = nowMs + NOTICE_INTERVAL_MS;
    const params = "This node was removed from the network: ask its administrator";
    this.#tell(nodeId, { nodeId, action: ServerAction.SHUTDOWN, code: NOTICE_CODE, params }, nodeId, nowMs);
  }

  #hasKey(nodeId: NodeId, publicKey: Uint8Array, nowMs: number): boolean {
    return this.#options.identities.some(({ device }) =>
      device.snapshot(nowMs).some((peer) => peer.nodeId === nodeId && equalOctets(peer.publicKey, publicKey))
    );
  }

  #drop(nodeId: NodeId, nowMs: number): void {
    this.#dismissals.delete(nodeId);
    for (const { identity: { device, paths }, documents } of this.#stations) {
      const row = device.peerRows.get(nodeId);
      if (row === undefined) continue;
      documents.forgetPeer(row, nowMs);
      paths.removePeer(row, nowMs);
      device.removePeer(row);
    }
    this.#options.log.info("edge removed", { peer: formatNodeId(nodeId) });
  }

  /** Sends an update over all sessions that an edge has, or might have. */
  #tell(nodeId: NodeId, update: ServerUpdate, destination: NodeId, nowMs: number): void {
    for (const identity of this.#options.identities) {
      const row = identity.device.peerRows.get(nodeId);
      if (row !== undefined) this.#send(identity, row, update, destination, nowMs);
    }
  }

  #send(
    identity: ControlledIdentity,
    peerRow: number,
    update: ServerUpdate,
    destination: NodeId,
    nowMs: number,
  ): void {
    const body = encodeServerUpdate(update);
    const message = { type: MessageType.SERVER_UPDATE, ttl: 0, destination, source: SUPER_NODE_ID, body };
    // One without an address isn't there, and counts as nothing lost.
    const { device } = identity;
    if (device.hasEndpoint(peerRow) && device.sendMessage(peerRow, message, nowMs)) identity.ring();
  }

  #noteAddresses(nodeId: NodeId, nowMs: number): void {
    const seen: Record<"udp4" | "udp6" | "fakeTcp4" | "fakeTcp6", string | undefined> & { fakeTcpPort: number } = {
      udp4: undefined,
      udp6: undefined,
      fakeTcp4: undefined,
      fakeTcp6: undefined,
      fakeTcpPort: 0,
    };
    for (const { family, device, paths } of this.#options.identities) {
      const row = device.peerRows.get(nodeId);
      if (row === undefined) continue;
      const [udp, fakeTcp] = family === 4 ? [PathKind.UDP4, PathKind.FAKETCP4] : [PathKind.UDP6, PathKind.FAKETCP6];
      seen[`udp${family}`] = addressOf(device, row, udp);
      seen[`fakeTcp${family}`] = addressOf(device, row, fakeTcp);
      seen.fakeTcpPort ||= paths.fakeTcpPortOf(row);
    }
    this.#options.registry.noteAddresses(nodeId, seen satisfies NodeAddresses, nowMs);
  }
}

function nodeOf({ device }: ControlledIdentity, peerRow: number): NodeId | undefined {
  return device.nodeOf(peerRow);
}

function addressOf(device: Device, row: number, kind: number): string | undefined {
  const endpoint = device.endpointOf(row, kind);
  return endpoint[0] === 0 ? undefined : formatEndpoint(endpoint, 0);
}

function answer(status: number): DocumentAnswer {
  return { status, document: undefined };
}

function clamp(value: number, limit: number): number {
  return Math.min(Math.max(value, -limit), limit);
}
