/**
 * The peers of an edge in super mode: those that the super node lists, no others.
 *
 * A list is compared with the peers that there are. Who left the list, or has another key or NodeId there, is removed at once;
 * who is new is added a few at a time, so that a list of a thousand doesn't hold up the control thread. Preshared keys and
 * addresses are replaced without touching a session. How addresses are tried is told in `peer_trials.ts`.
 *
 * Source: `behaviour.md` §2.2, §2.6.
 *
 * @module
 */

import { sameRemote } from "../base/endpoint.ts";
import type { Logger } from "../base/log.ts";
import { formatNodeId, type NodeId } from "../base/node_id.ts";
import { PATH_KIND_COUNT, Transport, transportOf } from "../base/path_kind.ts";
import type { Device, DeviceEvent } from "../device/device.ts";
import type { Candidate, ListedPeer } from "./documents.ts";
import type { PathControl } from "./path_control.ts";
import { PeerTrials, type PeerTrialsOptions, type TryingDevice } from "./peer_trials.ts";

/** What is needed of a device. */
export type DirectoryDevice =
  & TryingDevice
  & Pick<Device, "publicKey" | "refusalOf" | "addPeer" | "removePeer" | "setPresharedKey" | "mayLearn">;

/** What is needed of the paths. */
export type DirectoryPaths =
  & PeerTrialsOptions["paths"]
  & Pick<PathControl, "addPeer" | "removePeer" | "setFakeTcpCandidates">;

/** What {@linkcode PeerDirectory} is made of. */
export interface PeerDirectoryOptions {
  readonly device: DirectoryDevice;
  readonly paths: DirectoryPaths;
  readonly selfNodeId: NodeId;
  /** Kinds of paths that this node has: candidates of others are left out. */
  readonly kinds: readonly number[];
  /** Period of looking for dead peers that are to be tried again, ms; 0: never. */
  readonly timeoutCheckIntervalMs: number;
  readonly log: Logger;
  /** Rows have become free, or were taken: routes must be published anew before anything else is sent. */
  readonly onPeersChanged: () => void;
  /** The peer of a row has been removed: whatever else is kept of it is void. */
  readonly onPeerRemoved?: (peerRow: number) => void;
}

/** A peer of the file, which was added before there was a list. */
export interface ConfiguredPeer {
  readonly peerRow: number;
  readonly nodeId: NodeId;
  /** 32 octets. */
  readonly publicKey: Uint8Array;
  /** 32 octets; `undefined` for none. */
  readonly presharedKey: Uint8Array | undefined;
}

/** Peers that one call adds: each costs three scalar multiplications. */
export const PEERS_PER_STEP = 16;
/** Candidates of a kind that are kept: what a super node lists beyond may be any host of the world. */
export const CANDIDATES_PER_KIND = 8;

interface KnownPeer extends ConfiguredPeer {
  presharedKey: Uint8Array | undefined;
  candidates: readonly Candidate[];
}

/** Keeps the peers of the device in step with the super's list. */
export class PeerDirectory {
  readonly #options: PeerDirectoryOptions;
  readonly #trials: PeerTrials;
  readonly #known = new Map<NodeId, KnownPeer>();
  /** Listed peers that are to be added yet, in order. */
  #unknown: ListedPeer[] = [];
  /** Listed peers that can't be added, and why: said once each. */
  readonly #refused = new Map<NodeId, string>();
  /** Peers that were added since routes were last published. */
  #addedCount = 0;
  #nowMs = 0;

  constructor(options: PeerDirectoryOptions) {
    const { device, paths, selfNodeId, timeoutCheckIntervalMs, log } = options;
    this.#options = options;
    this.#trials = new PeerTrials({ device, paths, selfNodeId, checkIntervalMs: timeoutCheckIntervalMs, log });
  }

  /** Takes on a peer of the file: the first list that doesn't have it removes it. */
  adopt(peer: ConfiguredPeer): void {
    this.#known.set(peer.nodeId, { ...peer, candidates: [] });
    this.#trials.addPeer(peer.peerRow, peer.nodeId);
  }

  /** Row of a peer; `undefined` if it isn't one. */
  rowOf(nodeId: NodeId): number | undefined {
    return this.#known.get(nodeId)?.peerRow;
  }

  /**
   * Takes in the super's list. New peers are added by the calls of {@linkcode PeerDirectory.handleTimeout} that follow.
   *
   * @param listed Keys and candidates are kept. Of two peers with one NodeId the first counts; the node itself is skipped.
   */
  apply(listed: readonly ListedPeer[], nowMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    const wanted = new Map<NodeId, ListedPeer>();
    for (const peer of listed) {
      if (!wanted.has(peer.nodeId) && !sameOctets(peer.publicKey, this.#options.device.publicKey)) {
        wanted.set(peer.nodeId, peer);
      }
    }
    this.#removeOthers(wanted, nowMs);
    for (const known of this.#known.values()) {
      const peer = wanted.get(known.nodeId);
      if (peer !== undefined) this.#update(known, peer, nowMs);
    }
    const { selfNodeId } = this.#options;
    this.#unknown = [...wanted.values()]
      // A node that is away is added when it comes.
      .filter(({ nodeId, candidates }) => !this.#known.has(nodeId) && candidates.length > 0)
      .sort((a, b) => (selfNodeId ^ a.nodeId) - (selfNodeId ^ b.nodeId));
    for (const nodeId of this.#refused.keys()) if (!wanted.has(nodeId)) this.#refused.delete(nodeId);
    this.#publishAdded();
  }

  /** Takes in what the device reports. */
  handleDeviceEvent(event: DeviceEvent, nowMs: number): void {
    this.#trials.handleDeviceEvent(event, nowMs);
  }

  /** Does what is due. */
  handleTimeout(nowMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    if (this.#unknown.length > 0) this.#addSome(nowMs);
    if (nowMs >= this.#trials.pollTimeout()) this.#trials.handleTimeout(nowMs);
  }

  /** Returns when {@linkcode PeerDirectory.handleTimeout} is to be called at the latest, ms. */
  pollTimeout(): number {
    return this.#unknown.length > 0 ? this.#nowMs : this.#trials.pollTimeout();
  }

  /** Removes peers that are no longer listed, or are listed as somebody else. */
  #removeOthers(wanted: ReadonlyMap<NodeId, ListedPeer>, nowMs: number): void {
    const { device, paths, log, onPeersChanged, onPeerRemoved } = this.#options;
    let removed = 0;
    for (const { nodeId, peerRow, publicKey } of this.#known.values()) {
      const peer = wanted.get(nodeId);
      if (peer !== undefined && sameOctets(peer.publicKey, publicKey)) continue;
      this.#known.delete(nodeId);
      this.#trials.removePeer(peerRow);
      paths.removePeer(peerRow, nowMs);
      device.removePeer(peerRow);
      onPeerRemoved?.(peerRow);
      log.debug("peer removed", { peer: formatNodeId(nodeId) });
      removed++;
    }
    if (removed === 0) return;
    log.info("peers removed", { removed, peers: this.#known.size });
    onPeersChanged();
  }

  #addSome(nowMs: number): void {
    for (const peer of this.#unknown.splice(0, PEERS_PER_STEP)) {
      if (this.#add(peer, nowMs)) this.#addedCount++;
    }
    this.#publishAdded();
  }

  /** Routes are published once for a whole list: that costs more than to add a peer. */
  #publishAdded(): void {
    if (this.#unknown.length > 0 || this.#addedCount === 0) return;
    const { log, onPeersChanged } = this.#options;
    log.info("peers added", { added: this.#addedCount, peers: this.#known.size });
    this.#addedCount = 0;
    onPeersChanged();
  }

  #add(listed: ListedPeer, nowMs: number): boolean {
    const { device, paths, selfNodeId, log } = this.#options;
    const { nodeId, publicKey, presharedKey } = listed;
    const refusal = nodeId === selfNodeId
      ? "its NodeId is our own"
      : device.refusalOf({ nodeId, publicKey, presharedKey });
    if (refusal !== undefined) {
      if (this.#refused.get(nodeId) !== refusal) {
        log.warn("peer that the super lists can't be added", { peer: formatNodeId(nodeId), cause: refusal });
      }
      this.#refused.set(nodeId, refusal);
      return false;
    }
    this.#refused.delete(nodeId);
    const peerRow = device.addPeer({ nodeId, publicKey, presharedKey }, nowMs);
    paths.addPeer(peerRow, nodeId, nowMs);
    this.#trials.addPeer(peerRow, nodeId);
    const known: KnownPeer = { peerRow, nodeId, publicKey, presharedKey, candidates: [] };
    this.#known.set(nodeId, known);
    log.debug("peer added", { peer: formatNodeId(nodeId) });
    this.#update(known, listed, nowMs);
    return true;
  }

  #update(known: KnownPeer, { presharedKey, candidates }: ListedPeer, nowMs: number): void {
    const { device, paths } = this.#options;
    if (!sameKey(known.presharedKey, presharedKey)) {
      known.presharedKey = presharedKey;
      device.setPresharedKey(known.peerRow, presharedKey);
    }
    const usable = this.#usableOf(candidates);
    if (sameCandidates(known.candidates, usable)) return;
    known.candidates = usable;
    const isUdp = ({ kind }: Candidate) => transportOf(kind) === Transport.UDP;
    paths.setFakeTcpCandidates(known.peerRow, usable.filter((candidate) => !isUdp(candidate)), nowMs);
    this.#trials.setCandidates(known.peerRow, usable.filter(isUdp), nowMs);
  }

  /** Candidates of kinds that this node has, that may be learnt: best first, a few of each kind. */
  #usableOf(candidates: readonly Candidate[]): Candidate[] {
    const { device, kinds } = this.#options;
    const counts = new Uint8Array(PATH_KIND_COUNT);
    return candidates
      .filter(({ kind, endpoint }) => kinds.includes(kind) && device.mayLearn(endpoint))
      .sort((a, b) => a.rank - b.rank)
      .filter(({ kind }) => counts[kind]++ < CANDIDATES_PER_KIND);
  }
}

function sameKey(a: Uint8Array | undefined, b: Uint8Array | undefined): boolean {
  return a === undefined || b === undefined ? a === b : sameOctets(a, b);
}

function sameOctets(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((octet, index) => octet === b[index]);
}

function sameCandidates(a: readonly Candidate[], b: readonly Candidate[]): boolean {
  return a.length === b.length &&
    a.every(({ kind, endpoint }, index) => kind === b[index].kind && sameRemote(endpoint, 0, b[index].endpoint, 0));
}
