/**
 * One-way latency between neighbours: pings that tell when they were sent, and what their receiver makes of them.
 *
 * ```
 * A ── ping: sent at 12:00:00.000 ──▶ B      B's clock says 12:00:00.031 when it arrives
 *                                     B ── pong: from A to B it takes 31 ms ──▶ super
 * ```
 *
 * Two clocks are compared, so a latency may be negative; `edge/ntp.ts` sees to it that they agree. Each is damped by the
 * median of the last few (`route/latency_filter.ts`), apart for each peer and for each kind of path, because two paths have
 * nothing in common: what was measured over UDP says nothing about the detour by FakeTCP that a peer has switched to.
 *
 * A super node is told of a latency when it is new or has changed notably, and before what it was told expires; reports
 * (`report_plan.ts`) tell it all of them. In a network of a thousand a pong for each ping would be sixty thousand a second.
 *
 * A peer is pinged as soon as there is a session with it, a few times more at once, and then every interval. Of the first few
 * measurements the least is told: on a node that has just started the others show the start, not the way. One without a session isn't: a ping that
 * waited for a handshake would measure the handshake. Who keeps the addresses of peers sees to sessions (`peer_trials.ts`).
 *
 * Source: `behaviour.md` §2.5, §2.7, §6.6.
 *
 * @module
 */

import { isOrdinaryNodeId, type NodeId, SPREAD_NODE_ID } from "../base/node_id.ts";
import { PATH_KIND_COUNT } from "../base/path_kind.ts";
import type { RandomSource } from "../base/random.ts";
import { Reason } from "../base/reason.ts";
import { TokenBucket } from "../base/token_bucket.ts";
import type { Device, DeviceEvent } from "../device/device.ts";
import { DampingFilter, UNREACHABLE_MS } from "../route/latency_filter.ts";
import { checkEgContent, EG_HEADER_LEN, readSource } from "../wire/eg_header.ts";
import { MessageType } from "../wire/message_type.ts";
import { FirstMeasurements } from "./first_measurements.ts";
import { decodePing, encodePing } from "./message_codec.ts";
import type { Pong } from "./messages.ts";

/** What is needed of a device. */
export type ProbingDevice = Pick<
  Device,
  "reachablePeers" | "peerRows" | "nodeOf" | "hasSession" | "isAlive" | "lastReceivedMs" | "sendMessage"
>;

/** What may change while the node runs; `EdgeParameters` of a super node has all of it. */
export interface LatencyParameters {
  /** Time between two rounds of pings; up to 0: only when asked. */
  readonly pingIntervalMs: number;
  /** Silence after which a peer is dead: nothing that was measured holds for longer. */
  readonly peerAliveTimeoutMs: number;
  /** Measurements to either side of the median; 0: no filter. */
  readonly dampingFilterRadius: number;
  /** What this node adds to the cost of all that comes to it; below 0: nothing. */
  readonly additionalCostMs: number;
}

/** What {@linkcode LatencyProbes} are made of. */
export interface LatencyProbesOptions {
  readonly device: ProbingDevice;
  readonly selfNodeId: NodeId;
  readonly random: RandomSource;
  /** What is to be added to our wall clock to get the true time, ms. */
  readonly wallClockOffsetMs: () => number;
  /** Those of the file. An additional cost below 0 that comes later means this one. */
  readonly parameters: LatencyParameters;
  /** Whether this node forwards for others. */
  readonly relays: boolean;
}

/**
 * What a node that doesn't relay adds to the cost of all that comes to it, ms. It makes every way through this node worse than
 * any other, and is the same for all ways that end here. Source: `behaviour.md` §1.8.
 */
export const NO_RELAY_COST_MS = 9_000_000;
/** Pings that one call sends: more would be late by the time it takes to seal them, and hold up the control thread. */
const PINGS_PER_BATCH = 16;
/** Time between two batches, ms: a thousand peers take two thirds of a second. */
const BATCH_SPACING_MS = 10;
/** Most pings that a ping may ask for. Source: `behaviour.md` Q13. */
const REPLIES_MAX = 10;
/** Time between two pings that were asked for, ms. Source: `behaviour.md` §10. */
const REPLY_SPACING_MS = 3_000;
/** Pings of one peer that are taken in: 5 a second, 20 at once. A reference node sends one a second at most. */
const PINGS_TAKEN_PER_SECOND = 5;
const PINGS_TAKEN_AT_ONCE = 20;
/** Pings that follow the first one of a new session, and their distance, ms. */
const EARLY_PINGS = 3;
const EARLY_SPACING_MS = 200;
/** A change that a super node is told of at once, ms. */
const NOTABLE_CHANGE_MS = 1;
/** Part of its validity after which a latency is told again, if a report has told it: that it arrived is known. */
const REPORTED_SHARE = 0.75;
/** The same if a pong has: there is to be another chance before it expires. */
const SENT_SHARE = 0.4;
/** Request ids are 32 bits. */
const REQUEST_ID_COUNT = 2 ** 32;

/** What was measured on one path from a peer, by the two clocks alone: our offset is added when it is used. */
interface PathLatency {
  readonly filter: DampingFilter;
  lastMs: number;
}

/** What is known of one peer. */
interface Probed {
  readonly nodeId: NodeId;
  readonly peerRow: number;
  readonly taken: TokenBucket;
  /** By kind. */
  readonly paths: (PathLatency | undefined)[];
  /** Damped latency of the path that the last ping came on, without our clock's offset; ms. */
  differenceMs: number;
  /** The latency that the super nodes were last told, and when they are to be told again; `NaN` and −∞ for never. */
  toldMs: number;
  tellAgainMs: number;
  /** Pings that the peer is to get besides those of the rounds, when the next is due, and how far apart they are. */
  repliesLeft: number;
  nextReplyMs: number;
  replySpacingMs: number;
  readonly firsts: FirstMeasurements;
}

/** Measures the latency from each neighbour to this node. */
export class LatencyProbes {
  readonly #options: LatencyProbesOptions;
  #parameters: LatencyParameters;
  readonly #probed = new Map<NodeId, Probed>();
  /** Peers whose latency the super nodes are to be told. */
  readonly #untold = new Set<Probed>();
  /** What the report under way says. */
  readonly #reported = new Map<Probed, number>();
  /** Peers that are to be pinged in the round that goes on. */
  #round: NodeId[] = [];
  /** Peers with a new session, which are not in the round any more. */
  readonly #connected = new Set<NodeId>();
  #nextRoundMs = -Infinity;
  #nextBatchMs = -Infinity;
  #nextRequestId: number;
  #nowMs = 0;

  constructor(options: LatencyProbesOptions) {
    this.#options = options;
    this.#parameters = options.parameters;
    // A node that was just restarted must not repeat what others still remember; `behaviour.md` Q9.
    this.#nextRequestId = options.random.uint32();
  }

  /** Changes the parameters, and pings all peers at once, as a reference node does. */
  setParameters(parameters: LatencyParameters, nowMs: number): void {
    this.#parameters = parameters;
    for (const { paths } of this.#probed.values()) {
      for (const path of paths) path?.filter.setRadius(parameters.dampingFilterRadius);
    }
    this.pingAll(nowMs);
  }

  /** Pings all peers as soon as {@linkcode LatencyProbes.handleTimeout} is called. */
  pingAll(nowMs: number): void {
    this.#nextRoundMs = nowMs;
    this.#round.length = 0;
    this.#nowMs = Math.max(this.#nowMs, nowMs);
  }

  /** Takes in what the device reports: a peer with which there is a session at last is pinged at once. */
  handleDeviceEvent(event: DeviceEvent, nowMs: number): void {
    if (event.kind !== "session established" || event.renewed) return;
    const nodeId = this.#options.device.nodeOf(event.peerRow);
    const peer = nodeId === undefined ? undefined : this.#probedPeer(nodeId, event.peerRow);
    if (peer === undefined) return;
    this.#connected.add(peer.nodeId);
    peer.repliesLeft = Math.max(peer.repliesLeft, EARLY_PINGS);
    peer.nextReplyMs = nowMs + EARLY_SPACING_MS;
    peer.replySpacingMs = EARLY_SPACING_MS;
    peer.firsts.begin(nowMs);
    this.#nowMs = Math.max(this.#nowMs, nowMs);
  }

  /**
   * Takes in a ping.
   *
   * @param content Inner header and body, padding included.
   * @param path Kind of the path that it came on.
   * @param nowMs When it arrived; the more exactly, the better.
   * @param wallMs The same by the wall clock, without correction.
   * @returns `NONE`, or the reason for which it was dropped.
   */
  handlePing(peerRow: number, content: Uint8Array, path: number, nowMs: number, wallMs: number): number {
    if (checkEgContent(content.length) !== Reason.NONE) return Reason.CONTENT_TRUNCATED;
    const source = readSource(content, 0);
    const peer = this.#probedPeer(source, peerRow);
    if (peer === undefined) return Reason.MESSAGE_FORGED;
    if (!peer.taken.take(nowMs)) return Reason.RATE_LIMITED;
    const ping = decodePing(content.subarray(EG_HEADER_LEN));
    if (typeof ping === "number") return Reason.MESSAGE_MALFORMED;
    if (ping.source !== source) return Reason.MESSAGE_FORGED;
    const differenceMs = wallMs - ping.sentAtMs;
    // A clock that is more than a day wrong, or none at all: the zero time of a reference node.
    if (!(Math.abs(differenceMs + this.#options.wallClockOffsetMs()) < UNREACHABLE_MS)) return Reason.MESSAGE_MALFORMED;
    const dampedMs = this.#filterOf(peer, path, nowMs).filter(differenceMs);
    if (peer.firsts.isCollecting) {
      peer.firsts.note(differenceMs);
      this.#pollFirsts(peer, nowMs);
    } else this.#conclude(peer, dampedMs, nowMs);
    this.#promiseReplies(peer, ping.replyCount, nowMs);
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    return Reason.NONE;
  }

  /** Returns a pong that is to be sent to every super node that there is a session with, or `undefined`. */
  pollPong(): Pong | undefined {
    const [peer] = this.#untold;
    if (peer === undefined) return undefined;
    this.#untold.delete(peer);
    const pong = this.#pongOf(peer, this.#parameters.peerAliveTimeoutMs);
    return { ...pong, requestId: this.#takeRequestId() };
  }

  /** What a report says: one pong for each living peer that has been measured, by ascending NodeId. */
  pongs(nowMs: number): Pong[] {
    const { device } = this.#options;
    this.#forgetRemoved();
    this.#reported.clear();
    const pongs: Pong[] = [];
    for (const peer of this.#probed.values()) {
      const holdsMs = this.#parameters.peerAliveTimeoutMs - (nowMs - device.lastReceivedMs(peer.peerRow));
      if (Number.isNaN(peer.differenceMs) || !device.isAlive(peer.peerRow, nowMs) || holdsMs <= 0) continue;
      pongs.push(this.#pongOf(peer, holdsMs));
      this.#reported.set(peer, this.#latencyOf(peer));
    }
    return pongs.sort((a, b) => a.source - b.source);
  }

  /** A report with what {@linkcode LatencyProbes.pongs} returned last has arrived. */
  handleReported(nowMs: number): void {
    for (const [peer, latencyMs] of this.#reported) this.#noteTold(peer, latencyMs, REPORTED_SHARE, nowMs);
    this.#reported.clear();
  }

  /** Does what is due. @param wallMs Of the wall clock, without correction: what pings say. */
  handleTimeout(nowMs: number, wallMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    if (nowMs >= this.#nextRoundMs) this.#beginRound(nowMs);
    if (nowMs >= this.#nextBatchMs && this.#isPinging()) {
      this.#nextBatchMs = nowMs + BATCH_SPACING_MS;
      this.#sendBatch(nowMs, wallMs);
    }
    for (const peer of this.#probed.values()) {
      if (peer.repliesLeft === 0 || nowMs < peer.nextReplyMs) continue;
      peer.repliesLeft--;
      peer.nextReplyMs = nowMs + peer.replySpacingMs;
      if (peer.repliesLeft === 0) peer.replySpacingMs = REPLY_SPACING_MS;
      this.#ping(peer.nodeId, nowMs, wallMs);
    }
    for (const peer of this.#probed.values()) this.#pollFirsts(peer, nowMs);
  }

  /** Returns when {@linkcode LatencyProbes.handleTimeout} is to be called at the latest, ms. */
  pollTimeout(): number {
    if (this.#untold.size > 0) return this.#nowMs;
    let next = Math.min(this.#nextRoundMs, this.#isPinging() ? this.#nextBatchMs : Infinity);
    for (const peer of this.#probed.values()) {
      if (peer.repliesLeft > 0) next = Math.min(next, peer.nextReplyMs);
      next = Math.min(next, peer.firsts.dueMs);
    }
    return Math.max(next, this.#nowMs);
  }

  #isPinging(): boolean {
    return this.#round.length > 0 || this.#connected.size > 0;
  }

  #beginRound(nowMs: number): void {
    const { pingIntervalMs } = this.#parameters;
    this.#nextRoundMs = pingIntervalMs > 0 ? nowMs + pingIntervalMs : Infinity;
    this.#forgetRemoved();
    // From the end it is taken, so this goes by ascending row.
    this.#round = Array.from(this.#options.device.reachablePeers(), ({ nodeId }) => nodeId).reverse();
    this.#connected.clear();
  }

  #sendBatch(nowMs: number, wallMs: number): void {
    for (let count = 0; count < PINGS_PER_BATCH; count++) {
      const [connected] = this.#connected;
      if (connected !== undefined) this.#connected.delete(connected);
      const nodeId = connected ?? this.#round.pop();
      if (nodeId === undefined) return;
      this.#ping(nodeId, nowMs, wallMs);
    }
  }

  #ping(nodeId: NodeId, nowMs: number, wallMs: number): void {
    const { device, selfNodeId, wallClockOffsetMs } = this.#options;
    const row = device.peerRows.get(nodeId);
    if (row === undefined || !device.hasSession(row, nowMs)) return;
    const body = encodePing({
      requestId: this.#takeRequestId(),
      source: selfNodeId,
      sentAtMs: wallMs + wallClockOffsetMs(),
      replyCount: 0,
    });
    device.sendMessage(
      row,
      { type: MessageType.PING, ttl: 0, destination: SPREAD_NODE_ID, source: selfNodeId, body },
      nowMs,
    );
  }

  /** Finds or makes what is kept of a peer; `undefined` unless it is the neighbour in this row. */
  #probedPeer(nodeId: NodeId, peerRow: number): Probed | undefined {
    if (!isOrdinaryNodeId(nodeId) || this.#options.device.peerRows.get(nodeId) !== peerRow) return undefined;
    const known = this.#probed.get(nodeId);
    if (known?.peerRow === peerRow) return known;
    const peer: Probed = {
      nodeId,
      peerRow,
      taken: new TokenBucket(PINGS_TAKEN_PER_SECOND, PINGS_TAKEN_AT_ONCE),
      paths: new Array(PATH_KIND_COUNT).fill(undefined),
      differenceMs: NaN,
      toldMs: NaN,
      tellAgainMs: -Infinity,
      repliesLeft: 0,
      nextReplyMs: -Infinity,
      replySpacingMs: REPLY_SPACING_MS,
      firsts: new FirstMeasurements(),
    };
    this.#probed.set(nodeId, peer);
    return peer;
  }

  /** The filter of a path: empty if nothing came on it for so long that the peer, or the path, was dead in between. */
  #filterOf(peer: Probed, path: number, nowMs: number): DampingFilter {
    const { dampingFilterRadius, peerAliveTimeoutMs } = this.#parameters;
    const latency = peer.paths[path] ??= { filter: new DampingFilter(dampingFilterRadius), lastMs: nowMs };
    if (nowMs - latency.lastMs > peerAliveTimeoutMs) latency.filter.reset();
    latency.lastMs = nowMs;
    return latency.filter;
  }

  /** @param count As the ping says: it is unbounded on the wire. */
  #promiseReplies(peer: Probed, count: number, nowMs: number): void {
    if (!(count > 0)) return;
    // However many pings ask for replies, they get no more than one every few seconds.
    peer.repliesLeft = Math.max(peer.repliesLeft, Math.min(count, REPLIES_MAX));
    peer.nextReplyMs = Math.max(peer.nextReplyMs, nowMs);
  }

  #pollFirsts(peer: Probed, nowMs: number): void {
    const leastMs = peer.firsts.poll(nowMs);
    if (leastMs !== undefined) this.#conclude(peer, leastMs, nowMs);
  }

  /** The latency of a peer is known, or known anew: super nodes are told if that is news. */
  #conclude(peer: Probed, differenceMs: number, nowMs: number): void {
    peer.differenceMs = differenceMs;
    if (!this.#isNews(peer, nowMs)) return;
    this.#untold.add(peer);
    this.#noteTold(peer, this.#latencyOf(peer), SENT_SHARE, nowMs);
  }

  #isNews(peer: Probed, nowMs: number): boolean {
    const hasChanged = !(Math.abs(this.#latencyOf(peer) - peer.toldMs) < NOTABLE_CHANGE_MS);
    return hasChanged || nowMs >= peer.tellAgainMs;
  }

  #noteTold(peer: Probed, latencyMs: number, share: number, nowMs: number): void {
    peer.toldMs = latencyMs;
    peer.tellAgainMs = nowMs + share * this.#parameters.peerAliveTimeoutMs;
  }

  #latencyOf({ differenceMs }: Probed): number {
    return differenceMs + this.#options.wallClockOffsetMs();
  }

  #pongOf(peer: Probed, holdsMs: number): Pong {
    return {
      requestId: 0,
      source: peer.nodeId,
      destination: this.#options.selfNodeId,
      latencyS: this.#latencyOf(peer) / 1000,
      timeToLiveS: holdsMs / 1000,
      additionalCostMs: this.#additionalCostMs(),
    };
  }

  #additionalCostMs(): number {
    const { relays, parameters } = this.#options;
    if (!relays) return NO_RELAY_COST_MS;
    const { additionalCostMs } = this.#parameters;
    return additionalCostMs >= 0 ? additionalCostMs : Math.max(0, parameters.additionalCostMs);
  }

  #forgetRemoved(): void {
    const { peerRows } = this.#options.device;
    for (const { nodeId, peerRow } of this.#probed.values()) {
      if (peerRows.get(nodeId) !== peerRow) this.#probed.delete(nodeId);
    }
    for (const peer of this.#untold) if (peerRows.get(peer.nodeId) !== peer.peerRow) this.#untold.delete(peer);
  }

  #takeRequestId(): number {
    const id = this.#nextRequestId;
    this.#nextRequestId = (id + 1) % REQUEST_ID_COUNT;
    return id;
  }
}
