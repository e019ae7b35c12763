/**
 * The deciding part of an edge: what it does with control messages, and with what a super node tells it.
 *
 * In static mode there is little to decide. In super mode this joins
 *
 * | file | part |
 * | --- | --- |
 * | `super_client.ts` | registration, updates, downloads, reports |
 * | `document_exchange.ts` | documents through the session with a super node of ours |
 * | `peer_directory.ts` | peers that come and go, and the addresses at which they are tried |
 * | `latency_probes.ts` | pings, and what they show |
 * | `spread.ts` | messages that flood |
 *
 * It does no I/O, reads no clock and starts no timer. Source: `behaviour.md` §2.
 *
 * @module
 */

import type { Logger } from "../base/log.ts";
import { type NodeId, SUPER_NODE_ID } from "../base/node_id.ts";
import type { RandomSource } from "../base/random.ts";
import { Reason } from "../base/reason.ts";
import type { Device, DeviceEvent } from "../device/device.ts";
import { type NextHopTable, publishNextHops, type RouteColumns } from "../route/next_hop.ts";
import { EG_HEADER_LEN } from "../wire/eg_header.ts";
import { MessageType } from "../wire/message_type.ts";
import { PathCapability } from "../wire/path_message.ts";
import { DocumentExchange } from "./document_exchange.ts";
import { DocumentStatus, type EdgeParameters, FRAGMENT_LEN_MAX } from "./documents.ts";
import { type LatencyParameters, LatencyProbes } from "./latency_probes.ts";
import { decodeServerUpdate, encodePeerReport, encodePong, encodeRegister } from "./message_codec.ts";
import type { PeerReport } from "./messages.ts";
import type { PathControl } from "./path_control.ts";
import { type ConfiguredPeer, PeerDirectory } from "./peer_directory.ts";
import { REGISTER_INTERVAL_MS } from "./registration.ts";
import { SpreadRelay, type SpreadSettings } from "./spread.ts";
import { type DocumentSource, SuperClient } from "./super_client.ts";

/** A control message that a lane opened. */
export interface OpenedMessage {
  /** Whom it came from. */
  readonly peerRow: number;
  /** Inner header and body, padding included. */
  readonly payload: Uint8Array;
  /** Kind of the path that it came on. */
  readonly path: number;
  /** When it arrived, ms. */
  readonly timeMs: number;
}

/** What the control of an edge is made of. */
export interface EdgeControlOptions {
  readonly device: Device;
  readonly paths: PathControl;
  readonly selfNodeId: NodeId;
  /** Where lanes find the routes. */
  readonly columns: RouteColumns;
  /** As configured; in super mode until the first download. */
  readonly nextHopTable: NextHopTable;
  readonly spread: SpreadSettings;
  readonly random: RandomSource;
  readonly log: Logger;
  /** A peer didn't answer at the address in use: another one that its name stands for is to be tried. */
  readonly onUnanswered: (peerRow: number) => void;
  /** `undefined` in static mode. */
  readonly superMode: SuperModeOptions | undefined;
}

/** What super mode needs besides. */
export interface SuperModeOptions {
  readonly wireVersion: string;
  /** Rows of the sessions with the super node. */
  readonly superRows: readonly number[];
  /** Peers of the file, which the super's first list may remove. */
  readonly peers: readonly ConfiguredPeer[];
  /** In force until the super node says otherwise. */
  readonly parameters: LatencyParameters;
  /** Whether frames are forwarded for others. */
  readonly relays: boolean;
  /** Kinds of paths that this node has. */
  readonly kinds: readonly number[];
  /** As in the file; 0: as often as peers are pinged. */
  readonly timeoutCheckIntervalMs: number;
  readonly skipsLocalAddresses: boolean;
  /** Family to try first; 0: the super node's order. */
  readonly preferredFamily: 0 | 4 | 6;
  /** 32 random octets, made at the start: signs reports over HTTP. */
  readonly tokenKey: Uint8Array;
  /** What is to be added to the wall clock to get the true time, ms. */
  readonly wallClockOffsetMs: () => number;
  /** Whether that can be relied on: until then nothing is measured. */
  readonly isClockReady: () => boolean;
  /** Addresses at which others in the same network may reach this node, with a priority each. */
  readonly localAddresses: () => Pick<PeerReport, "localV4" | "localV6">;
  /** Documents over HTTP; `undefined` if the file names no address. */
  readonly http: DocumentSource | undefined;
  /** A peer of the file was removed: whatever else is kept of its row is void. */
  readonly onPeerRemoved: (peerRow: number) => void;
  /** The super node has ended this node. */
  readonly onStop: (exitCode: number, why: string) => void;
}

const TEXT = new TextEncoder();

/** Decides for an edge. */
export class EdgeControl {
  readonly #options: EdgeControlOptions;
  readonly #spread: SpreadRelay;
  readonly #superMode: SuperMode | undefined;
  #nextHopTable: NextHopTable;

  constructor(options: EdgeControlOptions, nowMs: number) {
    this.#options = options;
    this.#nextHopTable = options.nextHopTable;
    this.#spread = new SpreadRelay(options.device, options.spread);
    if (options.superMode === undefined) return;
    this.#superMode = new SuperMode(options, options.superMode, nowMs, {
      onNextHops: (table) => {
        this.#nextHopTable = table;
        this.publishRoutes();
      },
      onPeersChanged: () => this.publishRoutes(),
    });
  }

  /**
   * Writes the routes where lanes find them.
   *
   * In super mode a neighbour to which the table names no way is reached directly: the super node may not have heard yet that
   * there is a link.
   *
   * @returns How many destinations have a route.
   */
  publishRoutes(): number {
    const { columns, selfNodeId, device } = this.#options;
    const table = this.#superMode === undefined
      ? this.#nextHopTable
      : withDirectRoutes(this.#nextHopTable, selfNodeId, this.#superMode.linkedNodes());
    return publishNextHops(columns, table, selfNodeId, device.peerRows).destinations;
  }

  /** Takes in a control message that a lane opened; see `NodeControl` of `node/control_loop.ts`. */
  handleMessage(message: OpenedMessage, type: number, ttl: number, nowMs: number, wallMs: number): number {
    const { payload, peerRow } = message;
    const isFromSuper = this.#options.device.nodeOf(peerRow) === SUPER_NODE_ID;
    if (type === MessageType.SERVER_UPDATE || type === MessageType.DOCUMENT) {
      if (!isFromSuper || this.#superMode === undefined) return Reason.USAGE_FORBIDDEN;
      return this.#superMode.handleMessage(message, type, nowMs);
    }
    const reason = this.#spread.handleMessage(payload, type, ttl, peerRow, nowMs);
    if (reason !== Reason.NONE || type !== MessageType.PING || this.#superMode === undefined) return reason;
    // When it came, not when it was this thread's turn.
    const { timeMs } = message;
    return this.#superMode.latency.handlePing(peerRow, payload, message.path, timeMs, wallMs - (nowMs - timeMs));
  }

  /** Takes in what the device reports. */
  handleDeviceEvent(event: DeviceEvent, nowMs: number): void {
    if (event.kind === "handshake given up") this.#options.onUnanswered(event.peerRow);
    this.#superMode?.handleDeviceEvent(event, nowMs);
  }

  /** There is something new to report to the super node: an address of this node has changed. */
  reportSoon(nowMs: number): void {
    this.#superMode?.reportSoon(nowMs);
  }

  /** Does what is due. */
  handleTimeout(nowMs: number, wallMs: number): void {
    this.#superMode?.handleTimeout(nowMs, wallMs);
  }

  /** Returns when {@linkcode EdgeControl.handleTimeout} is to be called at the latest, ms. */
  pollTimeout(): number {
    return this.#superMode?.pollTimeout() ?? Infinity;
  }
}

/** What changes for the edge. */
interface SuperModeEvents {
  onNextHops(table: NextHopTable): void;
  onPeersChanged(): void;
}

/** What an edge does because there is a super node. */
class SuperMode {
  readonly latency: LatencyProbes;
  readonly #options: EdgeControlOptions;
  readonly #mode: SuperModeOptions;
  readonly #events: SuperModeEvents;
  readonly #client: SuperClient;
  readonly #documents: DocumentExchange;
  readonly #directory: PeerDirectory;
  /** Nodes with which there is, or was, a session. */
  readonly #linked = new Set<NodeId>();

  constructor(options: EdgeControlOptions, mode: SuperModeOptions, nowMs: number, events: SuperModeEvents) {
    const { device, paths, selfNodeId, random, log } = options;
    this.#options = options;
    this.#mode = mode;
    this.#events = events;
    const { wallClockOffsetMs, parameters, relays, tokenKey, onStop } = mode;
    this.latency = new LatencyProbes({ device, selfNodeId, random, wallClockOffsetMs, parameters, relays });
    this.#documents = new DocumentExchange({
      send: (peerRow, body, nowMs) => this.#sendFragment(peerRow, body, nowMs),
      serve: () => ({ status: DocumentStatus.NOT_FOUND, document: undefined }),
      random,
      bodyLenMax: FRAGMENT_LEN_MAX,
    });
    this.#directory = new PeerDirectory({
      device,
      paths,
      selfNodeId,
      kinds: mode.kinds,
      timeoutCheckIntervalMs: trialIntervalMs(mode),
      log,
      onPeersChanged: () => this.#handlePeersChanged(),
      onPeerRemoved: mode.onPeerRemoved,
    });
    for (const peer of mode.peers) this.#directory.adopt(peer);
    this.#client = new SuperClient({
      selfNodeId,
      selfPublicKey: device.publicKey,
      skipsLocalAddresses: mode.skipsLocalAddresses,
      preferredFamily: mode.preferredFamily,
      wireVersion: mode.wireVersion,
      tokenKey,
      pingIntervalMs: parameters.pingIntervalMs,
      random,
      log,
      source: () => this.#source(),
      report: (nowMs) => ({
        pongs: mode.isClockReady() ? this.latency.pongs(nowMs) : [],
        ...mode.localAddresses(),
      }),
      onReported: (nowMs) => this.latency.handleReported(nowMs),
      applyParameters: (parameters, nowMs) => this.#applyParameters(parameters, nowMs),
      applyPeers: (peers, nowMs) => this.#directory.apply(peers, nowMs),
      applyNextHops: (table) => events.onNextHops(table),
      onStop,
    }, nowMs);
  }

  /** Nodes that are neighbours by a session of their own. */
  linkedNodes(): ReadonlySet<NodeId> {
    return this.#linked;
  }

  handleMessage({ peerRow, payload }: OpenedMessage, type: number, nowMs: number): number {
    if (type === MessageType.DOCUMENT) return this.#documents.handleMessage(peerRow, payload, nowMs);
    const update = decodeServerUpdate(payload.subarray(EG_HEADER_LEN));
    if (typeof update === "number") return Reason.MESSAGE_MALFORMED;
    return this.#client.handleServerUpdate(update, nowMs);
  }

  handleDeviceEvent(event: DeviceEvent, nowMs: number): void {
    if (event.kind === "wake lanes") return;
    const isSuper = this.#mode.superRows.includes(event.peerRow);
    if (isSuper) {
      // A renewed one too: a super node that was started anew looks the same from here, and hasn't heard of us yet.
      if (event.kind === "session established") this.#client.handleSuperSession(nowMs);
      return;
    }
    this.#directory.handleDeviceEvent(event, nowMs);
    this.latency.handleDeviceEvent(event, nowMs);
    if (event.kind === "session established") this.#noteLinked(event.peerRow);
  }

  reportSoon(nowMs: number): void {
    this.#client.reportSoon(nowMs);
  }

  /** There is a session with a peer, so that it can be reached without others. */
  #noteLinked(peerRow: number): void {
    const nodeId = this.#options.device.nodeOf(peerRow);
    if (nodeId === undefined || this.#linked.has(nodeId)) return;
    this.#linked.add(nodeId);
    this.#events.onPeersChanged();
  }

  handleTimeout(nowMs: number, wallMs: number): void {
    this.#directory.handleTimeout(nowMs);
    if (this.#mode.isClockReady()) this.#measure(nowMs, wallMs);
    this.#client.handleTimeout(nowMs);
    this.#documents.handleTimeout(nowMs);
    const register = this.#client.pollRegister();
    if (register !== undefined) this.#sendToSuper(MessageType.REGISTER, encodeRegister(register), nowMs);
  }

  pollTimeout(): number {
    return Math.min(
      this.#directory.pollTimeout(),
      this.#mode.isClockReady() ? this.latency.pollTimeout() : Infinity,
      this.#client.pollTimeout(),
      this.#documents.pollTimeout(),
    );
  }

  #measure(nowMs: number, wallMs: number): void {
    this.latency.handleTimeout(nowMs, wallMs);
    for (let pong = this.latency.pollPong(); pong !== undefined; pong = this.latency.pollPong()) {
      this.#sendToSuper(MessageType.PONG, encodePong(pong), nowMs);
    }
  }

  #applyParameters(parameters: EdgeParameters, nowMs: number): void {
    this.#options.device.setPeerAliveTimeout(parameters.peerAliveTimeoutMs);
    this.latency.setParameters(parameters, nowMs);
  }

  #handlePeersChanged(): void {
    for (const nodeId of this.#linked) if (!this.#options.device.peerRows.has(nodeId)) this.#linked.delete(nodeId);
    this.#events.onPeersChanged();
  }

  /** A super node of ours hands out documents through the session; others over HTTP. */
  #source(): DocumentSource | undefined {
    const { device, paths } = this.#options;
    const [row] = this.#superRows()
      .filter((row) => (paths.capabilitiesOf(row) & PathCapability.DOCUMENTS) !== 0)
      // The one that was heard last, lest it be asked by a way that is dead.
      .sort((a, b) => device.lastReceivedMs(b) - device.lastReceivedMs(a));
    if (row === undefined) return this.#mode.http;
    return {
      request: (kind, payload, onAnswer, nowMs) => {
        const octets = "report" in payload ? encodePeerReport(payload.report) : TEXT.encode(payload.stateToken);
        if (!this.#documents.request(row, kind, octets, nowMs, onAnswer)) onAnswer(undefined, nowMs);
      },
    };
  }

  #superRows(): number[] {
    return this.#mode.superRows.filter((row) => this.#options.device.hasEndpoint(row));
  }

  #sendToSuper(type: number, body: Uint8Array, nowMs: number): void {
    const { device, selfNodeId } = this.#options;
    const message = { type, ttl: 0, destination: SUPER_NODE_ID, source: selfNodeId, body };
    for (const row of this.#superRows()) device.sendMessage(row, message, nowMs);
  }

  #sendFragment(peerRow: number, body: Uint8Array, nowMs: number): boolean {
    const { device, selfNodeId } = this.#options;
    if (!device.hasSession(peerRow, nowMs)) return false;
    const type = MessageType.DOCUMENT;
    return device.sendMessage(peerRow, { type, ttl: 0, destination: SUPER_NODE_ID, source: selfNodeId, body }, nowMs);
  }
}

/**
 * How often dead peers are tried again. A reference node that is told not to look for them still calls them by its pings;
 * ours go only to peers with a session.
 */
function trialIntervalMs({ timeoutCheckIntervalMs, parameters: { pingIntervalMs } }: SuperModeOptions): number {
  return [timeoutCheckIntervalMs, pingIntervalMs].find((intervalMs) => intervalMs > 0) ?? REGISTER_INTERVAL_MS;
}

/** Adds to our own row what it lacks: neighbours that are reached without another node. */
function withDirectRoutes(table: NextHopTable, selfNodeId: NodeId, linked: ReadonlySet<NodeId>): NextHopTable {
  const own: Record<NodeId, NodeId> = {};
  for (const nodeId of linked) own[nodeId] = nodeId;
  return { ...table, [selfNodeId]: { ...own, ...table[selfNodeId] } };
}
