/**
 * The paths of one peer: gathers what its selector decides by, and makes its decisions come true.
 *
 * @module
 */

import { sameRemote } from "../base/endpoint.ts";
import { type NodeId, SUPER_NODE_ID } from "../base/node_id.ts";
import { PATH_KIND_COUNT, Transport, transportOf } from "../base/path_kind.ts";
import type { RandomSource } from "../base/random.ts";
import type { PathParams } from "../conn/path_params.ts";
import type { PathEvent, PathSwitched } from "../conn/path_event.ts";
import { PathSelector, type ProbeOut } from "../conn/path_selector.ts";
import { createPathTraffic, type Device, type PathTraffic } from "../device/device.ts";
import { MessageType } from "../wire/message_type.ts";
import { HelloPlan } from "./hello_plan.ts";
import { type PathMessage, writePathMessage } from "./path_exchange.ts";
import { type LossMark, PathLoss } from "./path_loss.ts";
import type { PathLog } from "./path_log.ts";

/** What the paths of a peer are made of. */
export interface PeerPathsOptions {
  readonly peerRow: number;
  readonly nodeId: NodeId;
  readonly selfNodeId: NodeId;
  readonly device: Device;
  readonly params: PathParams;
  readonly order: readonly number[];
  /** Octets of the longest datagram that the interface yields. */
  readonly fullDatagramLen: number;
  readonly mtu: number;
  readonly random: RandomSource;
  readonly report: PathLog;
  /** Asks for another FakeTCP connection in place of one that leads nowhere. */
  readonly giveUp: (kind: number, nowMs: number) => void;
}

/** Hellos a session between an edge and a super node: by them an edge learns whether it gets its documents through it. */
const HELLOS_WITH_SUPER = 5;
/** Path messages aren't relayed. */
const PATH_MESSAGE_TTL = 0;

/** The paths of one peer. */
export class PeerPaths {
  readonly peerRow: number;
  readonly nodeId: NodeId;
  /** TCP port at which the peer says it can be dialled, 0 for none. */
  fakeTcpPort = 0;
  /** What the peer says it is capable of: bits of `PathCapability`. */
  capabilities = 0;
  /** Since when each datagram goes to this peer as a segment of its own, because somebody re-cuts them; `Infinity` if not. */
  singlesSinceMs = Infinity;
  readonly #options: PeerPathsOptions;
  readonly #selector: PathSelector;
  readonly #loss = new PathLoss();
  readonly #traffic: PathTraffic = createPathTraffic();
  readonly #probe: ProbeOut = { kind: 0, id: 0, length: 0 };
  /** Set of the kinds whose endpoint is known. */
  #usable = 0;
  #isKnown = false;
  readonly #hellos: HelloPlan;
  #hello: PathMessage | undefined;
  #seenSentMs = 0;
  /** By kind. */
  readonly #seenReceivedMs = new Float64Array(PATH_KIND_COUNT);
  /** What had arrived when the current path was last known to work; `undefined` if it isn't in doubt. */
  #beforeDoubt: LossMark | undefined;

  constructor(options: PeerPathsOptions) {
    const { peerRow, nodeId, params, order, random } = options;
    this.peerRow = peerRow;
    this.nodeId = nodeId;
    this.#options = options;
    const isWithSuper = nodeId === SUPER_NODE_ID || options.selfNodeId === SUPER_NODE_ID;
    this.#hellos = new HelloPlan(isWithSuper ? HELLOS_WITH_SUPER : 1);
    this.#selector = new PathSelector(params, order, random);
    // What the columns show of earlier belongs to the peer that had the row before.
    const { sentMs, receivedMs } = this.traffic;
    this.#seenSentMs = sentMs;
    this.#seenReceivedMs.set(receivedMs);
  }

  /** Whether the peer understands path messages. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** Whether each datagram goes as a segment of its own by FakeTCP. */
  get sendsSingly(): boolean {
    return this.singlesSinceMs < Infinity;
  }

  /** Kind of the path that the peer is sent to on, −1 for none. */
  get current(): number {
    return this.#selector.current;
  }

  /** What lanes noted of the paths; read anew with each call. */
  get traffic(): PathTraffic {
    this.#options.device.readPathTraffic(this.peerRow, this.#traffic);
    return this.#traffic;
  }

  /** Set of the kinds whose endpoint is known. */
  knownPaths(): number {
    return this.#usable;
  }

  /** State of a path, for people. */
  stateOf(kind: number): string {
    return this.#selector.path(kind).state;
  }

  /** Record of where a path leads, or `undefined`. */
  endpointOf(kind: number): Uint32Array | undefined {
    return (this.#usable & (1 << kind)) === 0 ? undefined : this.#options.device.endpointOf(this.peerRow, kind);
  }

  /** Tells whether a path leads to an address. */
  isAt(kind: number, endpoint: Uint32Array): boolean {
    const known = this.endpointOf(kind);
    return known !== undefined && sameRemote(known, 0, endpoint, 0);
  }

  /** A path's endpoint became known, changed, or went. */
  setUsable(kind: number, usable: boolean, maxDatagramLen: number, nowMs: number): void {
    this.#usable = usable ? this.#usable | (1 << kind) : this.#usable & ~(1 << kind);
    this.#selector.setUsable(kind, usable, maxDatagramLen, nowMs);
    this.settle(nowMs);
  }

  /** The peer has been heard from another address, on this path. */
  handleRoamed(kind: number, nowMs: number): void {
    const isNew = (this.#usable & (1 << kind)) === 0;
    if (isNew) this.setUsable(kind, true, this.#options.fullDatagramLen, nowMs);
    this.#selector.handleFollowed(kind, nowMs);
    this.settle(nowMs);
  }

  /**
   * There is a new session. The peer is asked whether it understands path messages, unless it has said so.
   *
   * @param hello What is asked by; kept.
   * @param path Kind of the path that the handshake was completed on: the only one of which we know that it works.
   */
  handleSession(hello: PathMessage, path: number, nowMs: number): void {
    this.#noteReceived(nowMs);
    if (this.#isKnown) this.#selector.setPeerProbes(true, nowMs);
    else {
      this.#selector.handleReceived(path, nowMs);
      this.#selector.handleFollowed(path, nowMs);
    }
    this.#hello = hello;
    this.#hellos.begin(nowMs);
    this.#sayHello(nowMs);
    this.settle(nowMs);
  }

  /** The peer understands path messages. */
  handleKnown(nowMs: number): void {
    this.#hellos.onKnown(nowMs);
    if (this.#isKnown) return;
    this.#isKnown = true;
    this.#selector.setPeerProbes(true, nowMs);
    this.settle(nowMs);
  }

  /** The peer has said what it is capable of, and where it can be dialled by FakeTCP: 0 for nowhere. */
  handleHello(capabilities: number, fakeTcpPort: number): void {
    this.capabilities = capabilities;
    this.fakeTcpPort = fakeTcpPort;
    this.#hellos.onHeard();
  }

  /**
   * Answers a probe: on the path that it came by, and by the paths that we send on. So the peer learns that its own direction
   * works even where ours doesn't.
   *
   * @param path Kind of the path that it came on.
   */
  answerProbe(probe: Extract<PathMessage, { kind: "probe" }>, path: number, length: number, nowMs: number): void {
    const { current, mirrorMask, standbyMask } = this.#selector;
    const paths = (1 << path) | (current < 0 ? 0 : 1 << current) | mirrorMask | standbyMask;
    const reply: PathMessage = {
      kind: "reply",
      path: probe.path,
      flags: 0,
      id: probe.id,
      receivedLen: length,
      receivedCount: this.traffic.messagesReceived,
    };
    this.send(reply, paths & this.#usable, nowMs);
  }

  /** A probe of ours was answered. */
  handleReply(reply: Extract<PathMessage, { kind: "reply" }>, nowMs: number): void {
    this.#loss.onReply(reply.id, reply.receivedCount);
    this.#selector.handleReply(reply.path, reply.id, reply.receivedLen, nowMs);
    this.settle(nowMs);
  }

  handleProbeWanted(nowMs: number): void {
    this.#noteActivity(nowMs);
    this.#selector.handleProbeWanted(nowMs);
    this.settle(nowMs);
  }

  handleSendFailure(kind: number, nowMs: number): void {
    this.#selector.handleSendFailure(kind, nowMs);
    this.settle(nowMs);
  }

  handleUnreachable(kind: number, nowMs: number): void {
    this.#selector.handleUnreachable(kind, nowMs);
    this.settle(nowMs);
  }

  handleDoubt(kind: number, nowMs: number): void {
    this.#selector.handleDoubt(kind, nowMs);
    this.settle(nowMs);
  }

  /** Something went out to the peer, and nothing comes back. */
  handleSilence(nowMs: number): void {
    this.#noteReceived(nowMs);
    this.#selector.handleSilence(nowMs);
    this.settle(nowMs);
  }

  handleTimeout(nowMs: number): void {
    this.#noteReceived(nowMs);
    this.#noteActivity(nowMs);
    this.#selector.handleTimeout(nowMs);
    this.#sayHello(nowMs);
    this.settle(nowMs);
  }

  pollTimeout(): number {
    return Math.min(this.#selector.pollTimeout(), this.#hello === undefined ? Infinity : this.#hellos.dueMs);
  }

  /** Tells the peer what we see on one of its paths. */
  sendReport(kind: number, flags: number, nowMs: number): void {
    if (this.#isKnown) this.send({ kind: "report", path: kind, flags }, this.#usable, nowMs);
  }

  #sayHello(nowMs: number): void {
    if (this.#hello !== undefined && this.#hellos.poll(nowMs)) this.send(this.#hello, this.#usable, nowMs);
  }

  /** Sends a message on a set of paths. */
  send(message: PathMessage, paths: number, nowMs: number, datagramLen = 0): void {
    const { device, selfNodeId, mtu } = this.#options;
    device.sendMessageOn(this.peerRow, paths, {
      type: MessageType.PATH,
      ttl: PATH_MESSAGE_TTL,
      destination: this.nodeId,
      source: selfNodeId,
      body: writePathMessage(message, datagramLen, mtu),
    }, nowMs);
  }

  /** Does what the selector has decided: the choice of paths, probes, log lines. */
  settle(nowMs: number): void {
    // First of all, because whoever reads the log may take our processor for a while.
    this.#storeChoice();
    for (let event = this.#selector.pollEvent(); event !== undefined; event = this.#selector.pollEvent()) {
      this.#handleEvent(event, nowMs);
    }
    while (this.#selector.pollTransmit(this.#probe)) this.#sendProbe(nowMs);
    this.#storeChoice();
  }

  #storeChoice(): void {
    const { current, mirrorMask, standbyMask, confirmedUntilMs, maxDatagramLen } = this.#selector;
    const { device, fullDatagramLen } = this.#options;
    device.setPaths(this.peerRow, {
      current,
      mirrorMask,
      standbyMask,
      confirmedUntilMs,
      maxDatagramLen: maxDatagramLen >= fullDatagramLen ? 0 : maxDatagramLen,
    });
  }

  #sendProbe(nowMs: number): void {
    const { kind, id, length } = this.#probe;
    this.#loss.onProbe(id, this.traffic.messagesSent);
    this.send({ kind: "probe", path: kind, id }, 1 << kind, nowMs, length);
  }

  #handleEvent(event: PathEvent, nowMs: number): void {
    const { report, giveUp } = this.#options;
    switch (event.kind) {
      case "suspected":
        this.#beforeDoubt = this.#loss.latest;
        report.logSuspected(this.nodeId, event.path);
        break;
      case "cleared":
        this.#beforeDoubt = undefined;
        report.logCleared(this.nodeId, event.path);
        break;
      case "switched":
        report.logSwitch(this.nodeId, {
          from: event.from,
          to: event.to,
          why: event.reason,
          darkMs: darkTime(event),
          lost: this.#loss.lostSince(this.#beforeDoubt),
        });
        this.#beforeDoubt = undefined;
        break;
      case "path up":
        report.logUp(this.nodeId, event.path);
        break;
      case "path down":
        report.logDown(this.nodeId, event.path, event.why);
        if (transportOf(event.path) === Transport.FAKETCP) giveUp(event.path, nowMs);
        // A super node that was started anew doesn't know the session any more, and answers nothing but a handshake. Other
        // peers are sent enough for the session's own timers to find out.
        if (this.nodeId === SUPER_NODE_ID && !this.#hasLivingPath()) {
          this.#options.device.beginHandshake(this.peerRow, nowMs);
        }
        break;
      case "limit":
        report.logLimit(this.nodeId, event.path, event.maxDatagramLen);
        break;
    }
  }

  #hasLivingPath(): boolean {
    for (let kind = 0; kind < PATH_KIND_COUNT; kind++) {
      if ((this.#usable & (1 << kind)) !== 0 && this.#selector.path(kind).state === "alive") return true;
    }
    return false;
  }

  /** Tells the selector on which paths something came in since the last look. */
  #noteReceived(nowMs: number): void {
    const { receivedMs } = this.traffic;
    for (let kind = 0; kind < PATH_KIND_COUNT; kind++) {
      if (receivedMs[kind] <= this.#seenReceivedMs[kind]) continue;
      this.#seenReceivedMs[kind] = receivedMs[kind];
      this.#selector.handleReceived(kind, Math.min(receivedMs[kind], nowMs));
    }
  }

  /** Tells the selector that something was sent since the last look. */
  #noteActivity(nowMs: number): void {
    const { sentMs } = this.traffic;
    if (sentMs <= this.#seenSentMs) return;
    this.#seenSentMs = sentMs;
    this.#selector.handleActivity(nowMs);
  }
}

/** How long nothing was confirmed before copies went out elsewhere; without doubt or confirmation there was no such time. */
function darkTime({ suspectedMs, lastConfirmedMs }: PathSwitched): number {
  const darkMs = suspectedMs - lastConfirmedMs;
  return Number.isFinite(darkMs) ? Math.max(0, darkMs) : 0;
}
