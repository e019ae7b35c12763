/**
 * One peer as the control thread knows it: identity, sessions, timers, and what a handshake leaves behind.
 *
 * What lanes need of a peer lies in the tables, in the row of the same number.
 *
 * @module
 */

import { ENDPOINT_WORDS, formatEndpoint } from "../base/endpoint.ts";
import type { NodeId } from "../base/node_id.ts";
import { PATH_KIND_COUNT } from "../base/path_kind.ts";
import { currentPath } from "../dataplane/path_word.ts";
import { latestOverLanes, PeerState, sumOverLanes, type Tables } from "../dataplane/tables.ts";
import { CookieJar } from "../noise/cookie.ts";
import { createRemoteStatic, type InitiatorState, type RemoteStatic, wipeInitiatorState } from "../noise/handshake.ts";
import { dropOlder, emptySlots, type KeypairSlots } from "../noise/keypair.ts";
import type { DeviceContext } from "./context.ts";
import type { ReservedSession, SessionTable } from "./session_table.ts";
import { type Activity, PeerTimers } from "./timers.ts";

/** A peer to be added. */
export interface PeerOptions {
  readonly nodeId: NodeId;
  /** 32 octets; kept, not copied. */
  readonly publicKey: Uint8Array;
  /** 32 octets; kept, not copied. */
  readonly presharedKey?: Uint8Array;
  /** Use none, whatever `presharedKey` says: the peer is a reference node. */
  readonly ignorePresharedKey?: boolean;
  /** 0, the default, switches it off. */
  readonly persistentKeepaliveMs?: number;
  /** Record of 12 words; copied. Without one we wait for the peer to initiate. */
  readonly endpoint?: Uint32Array;
  /** The user wrote the endpoint, or a name for it; the filter of private addresses doesn't apply. */
  readonly endpointIsConfigured?: boolean;
  /** `PeerState.EDGE` by default, or `PeerState.SUPER`. */
  readonly role?: number;
}

/** An initiation of ours that has no answer yet. */
export interface PendingInitiation {
  /** The whole datagram, to be sent again on a path that becomes known meanwhile. */
  readonly message: Uint8Array;
  readonly state: InitiatorState;
  readonly reserved: ReservedSession;
}

/** A control message that waits for a session. */
export interface StagedContent {
  readonly type: number;
  readonly ttl: number;
  /** Inner header and body, without padding. */
  readonly content: Uint8Array;
}

/** Transport messages and octets in both directions. */
export interface Counters {
  readonly receivedPackets: number;
  readonly receivedOctets: number;
  readonly sentPackets: number;
  readonly sentOctets: number;
}

/** One peer. */
export interface Peer {
  readonly row: number;
  readonly nodeId: NodeId;
  /** One of `PeerState`: `EDGE` or `SUPER`. */
  readonly role: number;
  /** Keys; the preshared key is all zero if there is none or it is to be ignored, and may change. */
  remote: RemoteStatic;
  readonly persistentKeepaliveMs: number;
  readonly addedMs: number;
  /** What the row's counters showed when the peer was added: they belong to the one that had the row before. */
  readonly countersBefore: Counters;
  readonly timers: PeerTimers;
  readonly cookies: CookieJar;
  readonly slots: KeypairSlots;
  /**
   * State as initiator. Apart from the state as responder, which lives only while an initiation is handled: a response
   * to our initiation completes it even if we answered the peer's in the meantime; `behaviour.md` Q12.
   */
  initiation: PendingInitiation | undefined;
  /** Timestamp of our last initiation. */
  lastTimestamp: Uint8Array | undefined;
  /** Greatest timestamp accepted from the peer. */
  greatestTimestamp: Uint8Array | undefined;
  lastInitiationAcceptedMs: number;
  /** Initiations answered since the peer last proved to have the keys of one. */
  unconfirmedResponses: number;
  /** Oldest first. */
  readonly staged: StagedContent[];
  /** The response that was sent last, and on which paths: a copy of the initiation that takes another path gets it, too. */
  lastResponse: SentResponse | undefined;
  /** When the last session was established, ms since 1970; 0 for never. */
  lastHandshakeWallMs: number;
}

/** A response that was sent. */
export interface SentResponse {
  /** The initiation that it answers. */
  readonly initiation: Uint8Array;
  readonly response: Uint8Array;
  readonly sentMs: number;
  /** Set of kinds on which it was sent. */
  paths: number;
}

/**
 * Makes a peer. Costs one scalar multiplication.
 *
 * @param row Where it will stand in the tables; nothing is written there.
 * @returns `undefined` if its public key has low order.
 */
export function createPeer(context: DeviceContext, options: PeerOptions, row: number, nowMs: number): Peer | undefined {
  const { primitives, identity, timers, random, settings, tables } = context;
  const { nodeId, publicKey, presharedKey, ignorePresharedKey = false } = options;
  const ignoresKey = ignorePresharedKey || settings.ignorePresharedKey;
  const remote = createRemoteStatic(primitives, identity, publicKey, ignoresKey ? undefined : presharedKey);
  if (remote === undefined) return undefined;
  const { persistentKeepaliveMs = 0, role = PeerState.EDGE } = options;
  return {
    row,
    nodeId,
    role,
    remote,
    persistentKeepaliveMs,
    addedMs: nowMs,
    countersBefore: readCounters(tables, row),
    timers: new PeerTimers(timers, random, persistentKeepaliveMs),
    cookies: new CookieJar(primitives, publicKey),
    slots: emptySlots(),
    initiation: undefined,
    lastTimestamp: undefined,
    greatestTimestamp: undefined,
    lastInitiationAcceptedMs: -Infinity,
    unconfirmedResponses: 0,
    staged: [],
    lastResponse: undefined,
    lastHandshakeWallMs: 0,
  };
}

/**
 * Reads when things last happened, over all lanes, into `out`.
 *
 * The columns have 0 for never, `out` has −Infinity. What is older than the peer belongs to the one that had the row before.
 */
export function readActivity(tables: Tables, peer: Peer, out: Activity): void {
  out.receivedMs = latestSince(tables, tables.lastReceivedMs, peer);
  out.dataReceivedMs = latestSince(tables, tables.lastDataReceivedMs, peer);
  out.sentMs = latestSince(tables, tables.lastSentMs, peer);
  out.dataSentMs = latestSince(tables, tables.lastDataSentMs, peer);
}

/** Sums the counters of a peer row over all lanes. */
export function readCounters(tables: Tables, peerRow: number): Counters {
  return {
    receivedPackets: sumOverLanes(tables, tables.receivedPackets, peerRow),
    receivedOctets: sumOverLanes(tables, tables.receivedOctets, peerRow),
    sentPackets: sumOverLanes(tables, tables.sentPackets, peerRow),
    sentOctets: sumOverLanes(tables, tables.sentOctets, peerRow),
  };
}

function latestSince(tables: Tables, column: Float64Array, peer: Peer): number {
  const latest = latestOverLanes(tables, column, peer.row);
  return latest > 0 && latest >= peer.addedMs ? latest : -Infinity;
}

/** Tells whether the tables hold an endpoint for any path to the peer. */
export function hasEndpoint(tables: Tables, peer: Peer): boolean {
  return knownPaths(tables, peer) !== 0;
}

/** Returns the set of kinds of paths to the peer whose endpoint is known. */
export function knownPaths(tables: Tables, peer: Peer): number {
  let known = 0;
  for (let kind = 0; kind < PATH_KIND_COUNT; kind++) {
    if (tables.pathEndpoint[(peer.row * PATH_KIND_COUNT + kind) * ENDPOINT_WORDS] !== 0) known |= 1 << kind;
  }
  return known;
}

/** Returns the endpoint of the peer's current path as text; `"none"` if it has none. */
export function currentEndpointText(tables: Tables, peerRow: number): string {
  const kind = currentPath(Atomics.load(tables.peerPath, peerRow));
  return kind < 0 ? "none" : formatEndpoint(tables.pathEndpoint, (peerRow * PATH_KIND_COUNT + kind) * ENDPOINT_WORDS);
}

/** Takes a row for a handshake. A session that only receives what was under way when the last handshakes crossed gives way. */
export function reserveSession(sessions: SessionTable, peer: Peer): ReservedSession | undefined {
  for (const row of dropOlder(peer.slots)) sessions.release(row);
  return sessions.reserve(peer.row);
}

/** Ends a handshake that we began: its row is freed, its secrets are zeroed. */
export function dropInitiation(sessions: SessionTable, peer: Peer): void {
  if (peer.initiation !== undefined) sessions.release(peer.initiation.reserved.row);
  wipeInitiation(peer);
}

/** Zeroes the secrets of a handshake that we began. Its row is kept: with a response it becomes the session's. */
export function wipeInitiation(peer: Peer): void {
  if (peer.initiation === undefined) return;
  wipeInitiatorState(peer.initiation.state);
  peer.initiation = undefined;
}
