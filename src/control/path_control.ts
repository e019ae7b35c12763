/**
 * The paths of all peers: which one each is sent to on, and what is done when one dies.
 *
 * For each peer a `PathSelector` (`conn/path_selector.ts`) decides; this is where its decisions come true. What it decides by
 * is gathered here: answers to probes, what lanes noted, what sockets and the network refused, what became of FakeTCP
 * connections. Like the device it does no I/O, reads no clock and starts no timer.
 *
 * With a peer that is one of our own nodes, which a hello finds out, paths are probed. Others get nothing that they don't
 * know, and are judged by what their handshakes and their traffic show. Source: `architecture.md` §5.
 *
 * | file | part |
 * | --- | --- |
 * | `peer_paths.ts` | one peer: its selector, what it is told, what it decides |
 * | `fake_tcp_paths.ts` | which FakeTCP connection is whose path |
 * | `dial_targets.ts`, `dial_plan.ts`, `dial_round.ts` | where a peer is dialled, when, and in what order |
 * | `path_exchange.ts` | the messages between our own nodes |
 * | `path_loss.ts` | how many messages were lost |
 * | `path_log.ts` | log lines |
 *
 * @module
 */

import { ENDPOINT_CONNECTION, ENDPOINT_WORDS, endpointAddress, writeEndpoint } from "../base/endpoint.ts";
import type { Logger } from "../base/log.ts";
import { type NodeId, SUPER_NODE_ID } from "../base/node_id.ts";
import { familyOf, pathKindOf, Transport, transportOf } from "../base/path_kind.ts";
import type { RandomSource } from "../base/random.ts";
import { Reason } from "../base/reason.ts";
import type { PathParams } from "../conn/path_params.ts";
import type { Device, DeviceEvent } from "../device/device.ts";
import { PathCapability, PathFlag } from "../wire/path_message.ts";
import type { Candidate } from "./documents.ts";
import { type Dialler, FakeTcpPaths, type OpenConnection } from "./fake_tcp_paths.ts";
import { datagramLength, type PathMessage, readPathMessage } from "./path_exchange.ts";
import { PathLog } from "./path_log.ts";
import { PeerPaths } from "./peer_paths.ts";

/** What the paths of a node have in common. */
export interface PathControlOptions {
  readonly device: Device;
  readonly selfNodeId: NodeId;
  readonly params: PathParams;
  /** Kinds of paths, preferred first. */
  readonly order: readonly number[];
  /** Octets of the longest datagram that the interface yields. */
  readonly fullDatagramLen: number;
  /** MTU of the interface, which padding depends on. */
  readonly mtu: number;
  readonly random: RandomSource;
  /** Of the component `path`. */
  readonly log: Logger;
  /** `undefined` without FakeTCP. */
  readonly dialler: Dialler | undefined;
  /** TCP port at which peers can dial us, 0 for none. */
  readonly fakeTcpPort: number;
  /** What peers are told that we are capable of besides: bits of `PathCapability`. */
  readonly capabilities?: number;
}

/** How long a path behind a TCP proxy is left alone, ms. */
const PROXY_REST_MS = 600_000;
/** Least time between two reports of wrong borders to one peer, ms. */
const REPORT_INTERVAL_MS = 1_000;
/** What was on its way when we began to send datagrams singly may still be reported for so long, ms. */
const SINGLES_TAKE_EFFECT_MS = 1_500;
/** What `handleBorderLoss` is told: merged segments only, or single ones too. */
const SINGLES_FAIL = 2;

/** Decides about the paths of all peers. */
export class PathControl {
  readonly #options: PathControlOptions;
  readonly #lines: PathLog;
  readonly #peers = new Map<number, PeerPaths>();
  readonly #fakeTcp: FakeTcpPaths | undefined;
  readonly #reportedMs = new Map<number, number>();

  constructor(options: PathControlOptions) {
    this.#options = options;
    this.#lines = new PathLog(options.log);
    this.#fakeTcp = options.dialler === undefined ? undefined : new FakeTcpPaths(options.dialler, options.order, {
      onPath: (peerRow, kind, connection, nowMs) => this.#usePath(peerRow, kind, connection, nowMs),
      onOtherUsed: (peerRow, kind, nowMs) => this.#peers.get(peerRow)?.handleDoubt(kind, nowMs),
      onPathGone: (peerRow, kind, why, nowMs) => this.#losePath(peerRow, kind, why, nowMs),
    });
  }

  /** Takes a peer of the device on. */
  addPeer(peerRow: number, nodeId: NodeId, nowMs: number): void {
    const { device, params, order, fullDatagramLen, mtu, random, selfNodeId } = this.#options;
    const peer = new PeerPaths({
      peerRow,
      nodeId,
      selfNodeId,
      device,
      params,
      order,
      fullDatagramLen,
      mtu,
      random,
      report: this.#lines,
      giveUp: (kind, nowMs) => this.#fakeTcp?.giveUp(peerRow, kind, nowMs),
    });
    this.#peers.set(peerRow, peer);
    this.#fakeTcp?.addPeer(peerRow, selfNodeId < nodeId, nodeId === SUPER_NODE_ID);
    peer.settle(nowMs);
  }

  /** Lets a peer go: to be called before it is removed from the device. */
  removePeer(peerRow: number, nowMs: number): void {
    this.#peers.delete(peerRow);
    this.#reportedMs.delete(peerRow);
    this.#fakeTcp?.removePeer(peerRow, nowMs);
  }

  /**
   * Sets where a peer is reached on one path: for FakeTCP, where it is dialled.
   *
   * @param endpoint Record of 12 words; copied.
   * @param isConfigured The user wrote it, or a name for it. Otherwise the filter of private addresses applies.
   */
  setEndpoint(peerRow: number, kind: number, endpoint: Uint32Array, nowMs: number, isConfigured = true): void {
    const { device, fullDatagramLen } = this.#options;
    const peer = this.#peers.get(peerRow);
    if (peer === undefined) return;
    if (transportOf(kind) === Transport.FAKETCP) {
      if (isConfigured) device.permitEndpoint(peerRow, endpoint);
      if (isConfigured) this.#fakeTcp?.configureTarget(peerRow, kind, endpoint);
      else if (device.mayLearn(endpoint)) this.#fakeTcp?.learnTarget(peerRow, kind, endpoint);
      return;
    }
    if (!device.setEndpoint(peerRow, kind, endpoint, isConfigured)) return;
    peer.setUsable(kind, true, fullDatagramLen, nowMs);
  }

  /**
   * Sets the addresses at which a super node says that a peer can be dialled by FakeTCP, in place of all that it said before.
   * The filter of private addresses applies. A peer without a session is dialled: perhaps nothing else leads there.
   */
  setFakeTcpCandidates(peerRow: number, candidates: readonly Candidate[], nowMs: number): void {
    const { device } = this.#options;
    if (this.#fakeTcp === undefined) return;
    this.#fakeTcp.setCandidates(peerRow, candidates.filter(({ endpoint }) => device.mayLearn(endpoint)), nowMs);
    if (!this.#fakeTcp.hasTarget(peerRow) || device.hasSession(peerRow, nowMs)) return;
    this.#fakeTcp.wantForHandshake(peerRow, nowMs);
  }

  /** Takes in what the device reports. */
  handleDeviceEvent(event: DeviceEvent, nowMs: number): void {
    if (event.kind === "wake lanes") return;
    const peer = this.#peers.get(event.peerRow);
    if (peer === undefined) return;
    switch (event.kind) {
      case "session established":
        peer.handleSession(this.#hello(false), event.path, nowMs);
        this.#wantConnection(peer, nowMs);
        break;
      case "initiation sent":
        if (event.attempts > 1) peer.handleSilence(nowMs);
        if (!this.#options.device.hasSession(peer.peerRow, nowMs)) {
          this.#fakeTcp?.wantForHandshake(peer.peerRow, nowMs);
        }
        break;
      case "handshake given up":
        peer.handleSilence(nowMs);
        break;
      case "endpoint changed":
        peer.handleRoamed(event.path, nowMs);
        this.#learnTarget(peer, event.path);
        break;
      case "connection used":
        if (!this.#options.device.mayLearn(event.endpoint)) this.#options.device.countDrop(Reason.PRIVATE_SOURCE);
        else this.#fakeTcp?.handleUsed(event.peerRow, event.path, event.endpoint, nowMs);
        break;
    }
  }

  /**
   * Takes in a path message of a peer.
   *
   * @param content Inner header and body, padding included.
   * @param path Kind of the path that it came on.
   * @returns `NONE`, or the reason for which it was dropped.
   */
  handleMessage(peerRow: number, content: Uint8Array, path: number, nowMs: number): number {
    const message = readPathMessage(content);
    if (typeof message === "number") return message;
    const peer = this.#peers.get(peerRow);
    if (peer === undefined) return Reason.SESSION_UNKNOWN;
    // Whatever it says: it knows these messages.
    peer.handleKnown(nowMs);
    switch (message.kind) {
      case "hello":
        this.#handleHello(peer, message, path, nowMs);
        break;
      case "probe":
        // The path's number is the prober's; it is echoed, and answered on the path that it came by.
        peer.answerProbe(message, path, datagramLength(content.length), nowMs);
        break;
      case "reply":
        peer.handleReply(message, nowMs);
        break;
      case "report":
        this.#handleReport(peer, message.path, message.flags, nowMs);
        break;
    }
    return Reason.NONE;
  }

  /** A lane has sent to a peer whose current path is unconfirmed. */
  handleProbeWanted(peerRow: number, nowMs: number): void {
    this.#options.device.allowProbeRequest(peerRow);
    this.#peers.get(peerRow)?.handleProbeWanted(nowMs);
  }

  /** A bind has refused to send on a path, for a reason that concerns the whole path. */
  handleSendFailure(peerRow: number, kind: number, nowMs: number): void {
    this.#peers.get(peerRow)?.handleSendFailure(kind, nowMs);
  }

  /** The network says that nothing arrives at an address (ICMP). Anybody can say so: it is a hint. */
  handleUnreachable(transport: number, endpoint: Uint32Array, nowMs: number): void {
    const kind = pathKindOf(transport, endpoint[0]);
    for (const peer of this.#peers.values()) {
      if (peer.isAt(kind, endpoint)) peer.handleUnreachable(kind, nowMs);
    }
  }

  /** Datagrams come with wrong borders on a connection: its other side is told. @param verdict 1 merged, 2 single ones too. */
  handleBorderLoss(endpoint: Uint32Array, verdict: number, nowMs: number): void {
    const owner = this.#fakeTcp?.ownerOf(endpoint[ENDPOINT_CONNECTION] - 1);
    const peer = owner === undefined ? undefined : this.#peers.get(owner.peerRow);
    if (owner === undefined || peer === undefined) return;
    if (nowMs - (this.#reportedMs.get(owner.peerRow) ?? -Infinity) < REPORT_INTERVAL_MS) return;
    this.#reportedMs.set(owner.peerRow, nowMs);
    const flags = verdict >= SINGLES_FAIL ? PathFlag.STOP_BATCHING | PathFlag.PROXY : PathFlag.STOP_BATCHING;
    peer.sendReport(owner.kind, flags, nowMs);
  }

  /** A FakeTCP connection is open. */
  handleConnectionOpened(connection: OpenConnection, nowMs: number): void {
    this.#fakeTcp?.handleOpened(connection, nowMs);
  }

  /** A FakeTCP connection is closed, or couldn't be opened. */
  handleConnectionClosed(row: number, generation: number, why: string, nowMs: number): void {
    this.#fakeTcp?.handleClosed(row, generation, why, nowMs);
  }

  /** A RST, FIN or SYN came on a FakeTCP connection: anybody can send one, so it is only a reason to look. */
  handleConnectionDoubted(row: number, nowMs: number): void {
    const owner = this.#fakeTcp?.ownerOf(row);
    if (owner !== undefined) this.#peers.get(owner.peerRow)?.handleDoubt(owner.kind, nowMs);
  }

  /** A FakeTCP connection carries longer, or only shorter, datagrams from now on. */
  handleConnectionLimit(row: number, maxDatagramLen: number, nowMs: number): void {
    const owner = this.#fakeTcp?.handleLimit(row, maxDatagramLen);
    if (owner !== undefined) this.#peers.get(owner.peerRow)?.setUsable(owner.kind, true, maxDatagramLen, nowMs);
  }

  /** Does what is due. */
  handleTimeout(nowMs: number): void {
    this.#fakeTcp?.handleTimeout(nowMs);
    for (const peer of this.#peers.values()) if (peer.pollTimeout() <= nowMs) peer.handleTimeout(nowMs);
  }

  /** Returns when {@linkcode PathControl.handleTimeout} is to be called at the latest, ms. */
  pollTimeout(): number {
    let next = this.#fakeTcp?.pollTimeout() ?? Infinity;
    for (const peer of this.#peers.values()) next = Math.min(next, peer.pollTimeout());
    return next;
  }

  /** The paths of a peer, for people; `undefined` if there is no such peer. */
  pathsOf(peerRow: number): PeerPaths | undefined {
    return this.#peers.get(peerRow);
  }

  /** What a peer says it is capable of: bits of `PathCapability`; 0 as long as it hasn't said anything. */
  capabilitiesOf(peerRow: number): number {
    return this.#peers.get(peerRow)?.capabilities ?? 0;
  }

  /** TCP port at which a peer says it can be dialled; 0 for none, or as long as it hasn't said anything. */
  fakeTcpPortOf(peerRow: number): number {
    return this.#peers.get(peerRow)?.fakeTcpPort ?? 0;
  }

  /** Addresses at which a peer is reached or dialled, 4 or 16 octets each; empty for a peer of which none is known. */
  knownAddresses(peerRow: number): Uint8Array[] {
    const peer = this.#peers.get(peerRow);
    return this.#options.order
      .flatMap((kind) => [peer?.endpointOf(kind), ...this.#fakeTcp?.targetsOf(peerRow, kind) ?? []])
      .filter((endpoint) => endpoint !== undefined)
      .map((endpoint) => endpointAddress(endpoint, 0));
  }

  #hello(isAck: boolean): PathMessage {
    const { fakeTcpPort, capabilities: more = 0 } = this.#options;
    const capabilities = PathCapability.PROBES | (this.#fakeTcp === undefined ? 0 : PathCapability.FAKETCP) | more;
    return { kind: "hello", isAck, capabilities, fakeTcpPort };
  }

  #handleHello(
    peer: PeerPaths,
    hello: Extract<PathMessage, { kind: "hello" }>,
    path: number,
    nowMs: number,
  ): void {
    const isDialled = (hello.capabilities & PathCapability.FAKETCP) !== 0;
    peer.handleHello(hello.capabilities, isDialled ? hello.fakeTcpPort : 0);
    if (!hello.isAck) peer.send(this.#hello(true), (1 << path) | peer.knownPaths(), nowMs);
    this.#wantConnection(peer, nowMs);
  }

  /** Sees to a warm connection with a peer that speaks FakeTCP. */
  #wantConnection(peer: PeerPaths, nowMs: number): void {
    if (this.#fakeTcp === undefined) return;
    // Whoever doesn't listen, or doesn't say so, is dialled for the sake of a handshake only.
    if (!peer.isKnown || peer.fakeTcpPort === 0) return this.#fakeTcp.cancel(peer.peerRow);
    for (const kind of this.#options.order) this.#learnTarget(peer, kind);
    if (this.#fakeTcp.hasTarget(peer.peerRow)) this.#fakeTcp.wantWarm(peer.peerRow, nowMs);
  }

  /** Where a peer is reached by UDP it may be dialled, too, at the port that it named; what the user wrote counts more. */
  #learnTarget(peer: PeerPaths, udpKind: number): void {
    if (this.#fakeTcp === undefined || transportOf(udpKind) !== Transport.UDP || peer.fakeTcpPort === 0) return;
    const family = familyOf(udpKind);
    const kind = pathKindOf(Transport.FAKETCP, family);
    const endpoint = peer.endpointOf(udpKind);
    if (endpoint === undefined) return;
    const target = new Uint32Array(ENDPOINT_WORDS);
    writeEndpoint(target, 0, endpointAddress(endpoint, 0), peer.fakeTcpPort, endpoint[6]);
    this.#fakeTcp.learnTarget(peer.peerRow, kind, target);
  }

  #handleReport(peer: PeerPaths, kind: number, flags: number, nowMs: number): void {
    const connection = this.#fakeTcp?.connectionOf(peer.peerRow, kind);
    if (this.#fakeTcp === undefined || connection === undefined) return;
    if (nowMs - peer.singlesSinceMs >= SINGLES_TAKE_EFFECT_MS) {
      // Nothing that we send in one go is left to be cut: it was joined first.
      this.#lines.logProxy(peer.nodeId, kind);
      this.#fakeTcp.rest(peer.peerRow, kind, nowMs + PROXY_REST_MS, nowMs);
    } else if ((flags & PathFlag.STOP_BATCHING) !== 0 && !peer.sendsSingly) {
      this.#lines.logSingles(peer.nodeId, kind);
      peer.singlesSinceMs = nowMs;
      this.#options.dialler?.setSingles(connection.row);
      peer.handleDoubt(kind, nowMs);
    }
  }

  #usePath(peerRow: number, kind: number, connection: OpenConnection, nowMs: number): void {
    const { device, dialler } = this.#options;
    const peer = this.#peers.get(peerRow);
    if (peer === undefined) return;
    const isReplaced = peer.endpointOf(kind) !== undefined;
    device.setEndpoint(peerRow, kind, connection.endpoint, connection.dialled);
    if (peer.sendsSingly) dialler?.setSingles(connection.row);
    peer.setUsable(kind, true, connection.maxDatagramLen, nowMs);
    // What was known of the path before is to be seen again. The peer, too, takes this connection only if it is used.
    if (isReplaced) peer.handleDoubt(kind, nowMs);
    device.repeatInitiation(peerRow, kind);
    // Without any other path there was nowhere to send an initiation to.
    if (connection.dialled && !device.hasSession(peerRow, nowMs)) device.beginHandshake(peerRow, nowMs);
  }

  #losePath(peerRow: number, kind: number, why: string, nowMs: number): void {
    const peer = this.#peers.get(peerRow);
    if (peer === undefined) return;
    this.#lines.logClosed(peer.nodeId, kind, why);
    this.#options.device.setEndpoint(peerRow, kind, new Uint32Array(ENDPOINT_WORDS), false);
    peer.setUsable(kind, false, 0, nowMs);
  }
}
