/**
 * Trying the addresses of peers that a super node named, until one leads to a session: through address translators, too.
 *
 * A translator lets in what comes from where its host has sent to. So both sides must send, and more than once, because what
 * arrives before the other side has sent is lost. Both hear of each other by pushes at about the same time:
 *
 * ```
 * A ── initiation ──▶ A's translator opens ──▶ B's translator: unknown, dropped
 * A ◀── A's translator: known ◀── B's translator opens ◀── initiation ── B
 * A ── response ──▶ B's translator: known ──▶ B: a session
 * ```
 *
 * A trial begins a handshake. Its initiation goes to all addresses of the peer at once, and the same initiation again after
 * {@linkcode COPIES_AFTER_MS}; then each further one, which the device makes every 5 s, once to all. The device takes the
 * first answer and follows it; copies that arrive later change nothing, because they are replays.
 *
 * Handshakes cost a millisecond of the control thread, so a node with a thousand peers begins them at a distance from each
 * other, twenty seconds in all. That the two sides begin at different times then does no harm: whoever begins first sends
 * every 5 s at the least for as long as the device tries, 100 s, and translators remember for 30 s at the least (RFC 4787
 * §4.3 wants 120). So when the second begins, the way to it is open on the first one's side, and its first copies arrive.
 * The order helps, too: peers come by the exclusive or of both NodeIds. With that, where a whole network starts at once, the
 * nodes pair off, a pair at a time for each, instead of all of them beginning with the same one.
 *
 * Source: `behaviour.md` §2.8, whose schedule (one address per `ConnNextTry`) this replaces: the messages are the same.
 *
 * @module
 */

import { formatEndpoint, sameRemote } from "../base/endpoint.ts";
import type { Logger } from "../base/log.ts";
import { formatNodeId, type NodeId } from "../base/node_id.ts";
import type { Device, DeviceEvent } from "../device/device.ts";
import type { Candidate } from "./documents.ts";
import type { PathControl } from "./path_control.ts";

/** When copies of the first initiation go out, ms after it. */
export const COPIES_AFTER_MS: readonly number[] = [0, 250, 500, 1_000, 1_500, 2_000, 3_000, 4_000];
/** Distance between the beginnings of two trials, ms: 50 a second. */
export const TRIAL_SPACING_MS = 20;
/**
 * How long a peer counts as living after a session with it was established, ms: it answers our ping by a keepalive after 10 s
 * at the latest.
 */
const SETTLE_MS = 15_000;
/** Longest time until the device sends the first initiation of a handshake that was begun, ms, with some to spare. */
const FIRST_INITIATION_MAX_MS = 10_000;

/** What is needed of a device. */
export type TryingDevice = Pick<
  Device,
  "beginHandshake" | "sendInitiationTo" | "hasSession" | "isAlive" | "endpointOf"
>;

/** What {@linkcode PeerTrials} are made of. */
export interface PeerTrialsOptions {
  readonly device: TryingDevice;
  readonly paths: Pick<PathControl, "setEndpoint" | "pathsOf">;
  readonly selfNodeId: NodeId;
  /** Period of looking for dead peers that are to be tried again, ms; 0: never. */
  readonly checkIntervalMs: number;
  readonly log: Logger;
}

/** Where a trial is. */
type Phase =
  /** There is none. */
  | "none"
  /** It waits for its turn. */
  | "waiting"
  /** A handshake was begun, whose first initiation is still to come: the device delays it by some random time. */
  | "begun"
  /** An initiation was sent. */
  | "sending";

interface TriedPeer {
  readonly peerRow: number;
  readonly nodeId: NodeId;
  /** Of UDP, those that may be learnt; best first. */
  candidates: readonly Candidate[];
  phase: Phase;
  /** When the handshake was begun, and then when its first initiation was sent. */
  sentMs: number;
  /** How many times that was sent to all addresses. */
  copies: number;
  establishedMs: number;
}

/** Tries the addresses of peers. */
export class PeerTrials {
  readonly #options: PeerTrialsOptions;
  readonly #peers = new Map<number, TriedPeer>();
  /** Those in phase "waiting", in the order of their turns. */
  #queue: TriedPeer[] = [];
  /** Those in phase "sending" that are to be copied again. */
  readonly #copied = new Set<TriedPeer>();
  #nextTrialMs = -Infinity;
  #nextCheckMs = Infinity;

  constructor(options: PeerTrialsOptions) {
    this.#options = options;
  }

  /** Takes a peer on, of which no address is known. */
  addPeer(peerRow: number, nodeId: NodeId): void {
    this.#peers.set(peerRow, {
      peerRow,
      nodeId,
      candidates: [],
      phase: "none",
      sentMs: 0,
      copies: 0,
      establishedMs: -Infinity,
    });
  }

  /** Lets a peer go. */
  removePeer(peerRow: number): void {
    const peer = this.#peers.get(peerRow);
    if (peer !== undefined) this.#end(peer);
    this.#peers.delete(peerRow);
  }

  /**
   * Sets the addresses of a peer, and tries them unless the peer is reached as it is.
   *
   * @param candidates Of UDP only, and only those that may be learnt; best first. Kept.
   */
  setCandidates(peerRow: number, candidates: readonly Candidate[], nowMs: number): void {
    const peer = this.#peers.get(peerRow);
    if (peer === undefined) return;
    peer.candidates = candidates;
    // Addresses are new to the other side, too: what was tried so far has to be tried from the beginning.
    if (peer.phase === "sending") this.#end(peer);
    this.#setEndpoints(peer, true, nowMs);
    if (this.#isToBeTried(peer, nowMs)) this.#enqueue([peer]);
    if (this.#nextCheckMs === Infinity) this.#planCheck(nowMs);
  }

  /** Takes in what the device reports. */
  handleDeviceEvent(event: DeviceEvent, nowMs: number): void {
    if (event.kind === "wake lanes") return;
    const peer = this.#peers.get(event.peerRow);
    if (peer === undefined) return;
    switch (event.kind) {
      case "initiation sent":
        this.#handleInitiation(peer, event.attempts, nowMs);
        break;
      case "session established":
        peer.establishedMs = nowMs;
        this.#end(peer);
        break;
      case "handshake given up":
        this.#end(peer);
        break;
    }
  }

  /** Does what is due. */
  handleTimeout(nowMs: number): void {
    if (nowMs >= this.#nextCheckMs) {
      this.#planCheck(nowMs);
      this.#enqueue([...this.#peers.values()].filter((peer) => this.#isToBeTried(peer, nowMs)));
    }
    if (nowMs >= this.#nextTrialMs) this.#beginNext(nowMs);
    for (const peer of this.#copied) {
      if (nowMs < dueMs(peer)) continue;
      // A call that comes late makes up for nothing: one copy is as good as several.
      while (peer.copies < COPIES_AFTER_MS.length && dueMs(peer) <= nowMs) peer.copies++;
      const isPending = this.#copy(peer, false);
      if (!isPending || peer.copies === COPIES_AFTER_MS.length) this.#copied.delete(peer);
    }
  }

  /** Returns when {@linkcode PeerTrials.handleTimeout} is to be called at the latest, ms. */
  pollTimeout(): number {
    let next = this.#nextCheckMs;
    if (this.#queue.length > 0) next = Math.min(next, this.#nextTrialMs);
    for (const peer of this.#copied) next = Math.min(next, dueMs(peer));
    return next;
  }

  #planCheck(nowMs: number): void {
    const { checkIntervalMs } = this.#options;
    this.#nextCheckMs = checkIntervalMs > 0 ? nowMs + checkIntervalMs : Infinity;
  }

  #isToBeTried(peer: TriedPeer, nowMs: number): boolean {
    const { device } = this.#options;
    // A handshake that was begun came to nothing if the device has lost the peer's endpoint.
    const isIdle = peer.phase === "none" || (peer.phase === "begun" && nowMs - peer.sentMs > FIRST_INITIATION_MAX_MS);
    if (peer.candidates.length === 0 || !isIdle) return false;
    if (!device.hasSession(peer.peerRow, nowMs)) return true;
    return !device.isAlive(peer.peerRow, nowMs) && nowMs - peer.establishedMs > SETTLE_MS;
  }

  #enqueue(peers: readonly TriedPeer[]): void {
    if (peers.length === 0) return;
    for (const peer of peers) peer.phase = "waiting";
    const { selfNodeId } = this.#options;
    this.#queue = [...this.#queue, ...peers].sort((a, b) => (selfNodeId ^ a.nodeId) - (selfNodeId ^ b.nodeId));
  }

  /** Begins the trial whose turn it is, unless the peer itself has come first. */
  #beginNext(nowMs: number): void {
    for (let peer = this.#queue.shift(); peer !== undefined; peer = this.#queue.shift()) {
      peer.phase = "none";
      if (!this.#isToBeTried(peer, nowMs)) continue;
      this.#nextTrialMs = nowMs + TRIAL_SPACING_MS;
      return this.#begin(peer, nowMs);
    }
  }

  #begin(peer: TriedPeer, nowMs: number): void {
    const { device, log } = this.#options;
    const { peerRow, nodeId, candidates } = peer;
    const [best] = candidates;
    const fields = { peer: formatNodeId(nodeId), best: formatEndpoint(best.endpoint, 0), addresses: candidates.length };
    log.debug("trying addresses of peer", fields);
    this.#setEndpoints(peer, false, nowMs);
    peer.phase = "begun";
    peer.sentMs = nowMs;
    device.beginHandshake(peerRow, nowMs);
    // A handshake that was under way has an initiation already.
    if (this.#copy(peer, false)) this.#startCopies(peer, nowMs);
  }

  /**
   * Lets each path lead to the best address of its kind.
   *
   * @param sparesUsed Leave alone what may work. The others are set even for a peer that is reached: it may be by FakeTCP
   *   only, and probes of its UDP paths open translators as initiations do.
   */
  #setEndpoints({ peerRow, candidates }: TriedPeer, sparesUsed: boolean, nowMs: number): void {
    const { device, paths } = this.#options;
    const kinds = new Set<number>();
    for (const { kind, endpoint } of candidates) {
      if (kinds.has(kind)) continue;
      kinds.add(kind);
      const isKnown = device.endpointOf(peerRow, kind)[0] !== 0;
      if (sparesUsed && isKnown && paths.pathsOf(peerRow)?.stateOf(kind) !== "dead") continue;
      paths.setEndpoint(peerRow, kind, endpoint, nowMs, false);
    }
  }

  #handleInitiation(peer: TriedPeer, attempts: number, nowMs: number): void {
    if (peer.candidates.length === 0) return;
    // A session that is renewed doesn't need it, unless the peer has left the address where it was.
    if (peer.phase === "none" && attempts === 1 && this.#options.device.hasSession(peer.peerRow, nowMs)) return;
    this.#copy(peer, true);
    if (peer.phase !== "sending") this.#startCopies(peer, nowMs);
  }

  #startCopies(peer: TriedPeer, nowMs: number): void {
    if (peer.phase === "waiting") this.#queue.splice(this.#queue.indexOf(peer), 1);
    peer.phase = "sending";
    peer.sentMs = nowMs;
    peer.copies = 1;
    this.#copied.add(peer);
  }

  /**
   * Sends the initiation that has no answer yet to all addresses.
   *
   * @param isJustSent Whether the device itself has just sent it where it takes the peer to be.
   * @returns Whether there is such an initiation, as far as can be told.
   */
  #copy(peer: TriedPeer, isJustSent: boolean): boolean {
    const { device } = this.#options;
    let isSent = false;
    for (const { kind, endpoint } of peer.candidates) {
      if (isJustSent && sameRemote(device.endpointOf(peer.peerRow, kind), 0, endpoint, 0)) continue;
      isSent = device.sendInitiationTo(peer.peerRow, kind, endpoint) || isSent;
    }
    return isSent;
  }

  #end(peer: TriedPeer): void {
    if (peer.phase === "waiting") this.#queue.splice(this.#queue.indexOf(peer), 1);
    this.#copied.delete(peer);
    peer.phase = "none";
  }
}

/** When the next copy is due. */
function dueMs({ sentMs, copies }: TriedPeer): number {
  return sentMs + COPIES_AFTER_MS[copies];
}
