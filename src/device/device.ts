/**
 * One node: its peers, their sessions, and the protocol that makes and renews them.
 *
 * Read `wire.md` §2, §3.4, §3.6 and the WireGuard paper §6 before editing. The device does no I/O, reads no clock and starts
 * no timer. Its owner, the control thread, does:
 *
 * - **`handle…`** takes something in: {@linkcode Device.handleEvent} what a lane reports, {@linkcode Device.handleTimeout}
 *   that time has passed. Handshakes arrive as events; frames never do;
 * - **`pollTransmit`** gives out datagrams to send: handshakes, keepalives, control messages;
 * - **`pollEvent`** gives out what the owner should know or do, such as waking the lanes;
 * - **`pollTimeout`** tells when `handleTimeout` is to be called at the latest.
 *
 * After anything was taken in, poll until both queues are empty. All functions cope with being called late or too often.
 *
 * What lanes need of all this stands in the shared tables, and only there: which session a peer has, its keys, where the peer
 * is. What the device needs of the lanes' work it reads there too: when something was last sent and received.
 *
 * | file | part |
 * | --- | --- |
 * | `receive.ts` | judges and answers handshake messages |
 * | `establish.ts` | sessions are taken up, confirmed, withdrawn |
 * | `send.ts` | initiations, keepalives, control messages |
 * | `timers.ts` | when which of these is due |
 * | `path_columns.ts` | which paths a peer is sent to on, and what lanes note of them |
 * | `roaming.ts`, `endpoint_policy.ts`, `return_watch.ts` | where a peer is, and what may be learnt about that |
 * | `peer.ts`, `peer_table.ts`, `session_table.ts` | what is kept of peers and sessions; rows of the shared tables |
 *
 * @module
 */

import { ENDPOINT_WORDS } from "../base/endpoint.ts";
import type { Logger } from "../base/log.ts";
import { formatNodeId, isOrdinaryNodeId, type NodeId, SUPER_NODE_ID } from "../base/node_id.ts";
import { PATH_KIND_COUNT, pathKindOf, Transport } from "../base/path_kind.ts";
import type { RandomSource } from "../base/random.ts";
import { EventKind, type LaneEvent } from "../dataplane/events.ts";
import { NO_ROW, PeerState, type Tables } from "../dataplane/tables.ts";
import type { TimerParams } from "../noise/constants.ts";
import { createIdentity, ZERO_PRESHARED_KEY } from "../noise/handshake.ts";
import { equalOctets, type Primitives } from "../noise/primitives.ts";
import { countDrop, type DeviceContext, type DeviceSettings } from "./context.ts";
import { contentOf, type ControlMessage } from "./control_message.ts";
import { EndpointPolicy } from "./endpoint_policy.ts";
import { clearSessions, confirmSession } from "./establish.ts";
import { LogThrottle } from "./log_throttle.ts";
import { type DeviceEvent, Outbox, type Transmit } from "./outbox.ts";
import {
  createPeer,
  currentEndpointText,
  dropInitiation,
  hasEndpoint,
  knownPaths,
  type Peer,
  type PeerOptions,
  readActivity,
} from "./peer.ts";
import { PeerTable } from "./peer_table.ts";
import { HandshakeReceiver } from "./receive.ts";
import { ReturnWatch } from "./return_watch.ts";
import { followPeer, leavePath, storeEndpoint } from "./roaming.ts";
import {
  dropStaged,
  hasSession,
  sendDatagram,
  sendInitiation,
  sendKeepalive,
  sendOrStage,
  sendSealed,
} from "./send.ts";
import { type PathChoice, type PathTraffic, readPathTraffic, storePaths } from "./path_columns.ts";
import { SessionTable } from "./session_table.ts";
import { type PeerSnapshot, snapshotPeer } from "./snapshot.ts";
import { type Activity, ACTIVITY_POLL_MS } from "./timers.ts";

export type { ControlMessage } from "./control_message.ts";
export type { DeviceSettings } from "./context.ts";
export { createPathTraffic, type PathChoice, type PathTraffic } from "./path_columns.ts";
export { createTransmit, type DeviceEvent, type Transmit } from "./outbox.ts";
export type { PeerOptions } from "./peer.ts";
export type { PeerSnapshot } from "./snapshot.ts";

/** What a device is made of. */
export interface DeviceOptions {
  /** Our long-term private key, 32 octets; kept, not copied. */
  readonly privateKey: Uint8Array;
  /** Made by `createTables`; the device writes every column whose writer is "control". */
  readonly tables: Tables;
  readonly primitives: Primitives;
  readonly random: RandomSource;
  /** `DEFAULT_TIMER_PARAMS` unless a test wants others. */
  readonly timers: TimerParams;
  readonly settings: DeviceSettings;
  /** Of the component `handshake`. */
  readonly log: Logger;
}

/** Why a peer can't be added. */
export type PeerRefusal =
  | "its NodeId is reserved"
  | "its NodeId is in use"
  | "its public key is our own"
  | "its public key is in use"
  | "its public key has low order"
  | "there is no room";

/** The protocol's side of a node. */
export class Device {
  readonly #context: DeviceContext;
  readonly #peers: PeerTable;
  readonly #handshakes: HandshakeReceiver;
  /** Filled anew for each peer that is looked at. */
  readonly #activity: Activity = { receivedMs: 0, dataReceivedMs: 0, sentMs: 0, dataSentMs: 0 };
  /** The last time that we were given. */
  #nowMs = 0;
  #polledMs = -Infinity;
  #peerAliveTimeoutMs: number;

  constructor(options: DeviceOptions) {
    const { tables, primitives, random, timers, settings, log } = options;
    this.#context = {
      identity: createIdentity(primitives, options.privateKey),
      primitives,
      tables,
      random,
      timers,
      settings,
      log,
      throttle: new LogThrottle(),
      returns: new ReturnWatch(),
      sessions: new SessionTable(tables, random),
      endpoints: new EndpointPolicy(settings.allowPrivateIp),
      outbox: new Outbox(),
    };
    this.#peerAliveTimeoutMs = settings.peerAliveTimeoutMs;
    this.#peers = new PeerTable(tables.shape.peerCapacity);
    this.#handshakes = new HandshakeReceiver(this.#context, this.#peers);
  }

  /** Our long-term public key, 32 octets. */
  get publicKey(): Uint8Array {
    return this.#context.identity.publicKey;
  }

  /** Rows of ordinary peers by their NodeId: what `publishNextHops` of `route/next_hop.ts` takes. */
  get peerRows(): ReadonlyMap<NodeId, number> {
    return this.#peers.rowOfNode;
  }

  /** Rows of all peers, ascending. */
  *rows(): Generator<number> {
    for (const { row } of this.#peers.all()) yield row;
  }

  /** Peers that aren't super nodes and whose endpoint is known, as row and NodeId, by ascending row. */
  *reachablePeers(): Generator<{ readonly row: number; readonly nodeId: NodeId }> {
    for (const peer of this.#peers.all()) {
      if (peer.role === PeerState.EDGE && hasEndpoint(this.#context.tables, peer)) yield peer;
    }
  }

  /** NodeId of the peer in a row, {@linkcode SUPER_NODE_ID} for a super node; `undefined` for a free row. */
  nodeOf(peerRow: number): NodeId | undefined {
    return this.#peers.at(peerRow)?.nodeId;
  }

  /** Tells whether any address of a peer is known. */
  hasEndpoint(peerRow: number): boolean {
    const peer = this.#peers.at(peerRow);
    return peer !== undefined && hasEndpoint(this.#context.tables, peer);
  }

  /** Counts something dropped on the control thread. */
  countDrop(reason: number): void {
    countDrop(this.#context, reason);
  }

  /** Tells why a peer can't be added, or `undefined` if it can: to be asked about peers that the network names. */
  refusalOf({ nodeId, publicKey, role = PeerState.EDGE }: PeerOptions): PeerRefusal | undefined {
    const { primitives, identity } = this.#context;
    if (role === PeerState.EDGE ? !isOrdinaryNodeId(nodeId) : nodeId !== SUPER_NODE_ID) return "its NodeId is reserved";
    if (this.#peers.rowOfNode.has(nodeId)) return "its NodeId is in use";
    if (equalOctets(publicKey, identity.publicKey)) return "its public key is our own";
    if (this.#peers.withKey(publicKey) !== undefined) return "its public key is in use";
    if (primitives.x25519(identity.privateKey, publicKey) === undefined) return "its public key has low order";
    if (this.#peers.nextRow() < 0) return "there is no room";
    return undefined;
  }

  /**
   * Adds a peer.
   *
   * @returns Its row in the tables, until it is removed.
   * @throws {RangeError} If {@linkcode Device.refusalOf} has an answer.
   */
  addPeer(options: PeerOptions, nowMs: number): number {
    const refusal = this.refusalOf(options);
    const row = this.#peers.nextRow();
    const peer = refusal === undefined ? createPeer(this.#context, options, row, nowMs) : undefined;
    if (peer === undefined) throw new RangeError(`Cannot add peer ${formatNodeId(options.nodeId)}: ${refusal}`);
    const { tables } = this.#context;
    this.#peers.add(peer);
    tables.peerNodeId[peer.row] = peer.nodeId;
    Atomics.store(tables.peerCurrentSession, peer.row, NO_ROW);
    Atomics.store(tables.peerWantsSession, peer.row, 0);
    Atomics.store(tables.peerWantsProbe, peer.row, 0);
    tables.peerConfirmedUntilMs[peer.row] = Infinity;
    tables.peerMaxDatagramLen[peer.row] = 0;
    Atomics.store(tables.peerPath, peer.row, 0);
    Atomics.store(tables.peerState, peer.row, peer.role);
    const { endpoint, endpointIsConfigured = false } = options;
    if (endpoint !== undefined) {
      this.setEndpoint(peer.row, pathKindOf(Transport.UDP, endpoint[0]), endpoint, endpointIsConfigured);
    }
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    return peer.row;
  }

  /** Removes a peer: its sessions end, its keys are zeroed, its row becomes free. Does nothing for a free row. */
  removePeer(peerRow: number): void {
    const peer = this.#peers.at(peerRow);
    if (peer === undefined) return;
    const { tables, endpoints, outbox } = this.#context;
    Atomics.store(tables.peerState, peerRow, PeerState.FREE);
    clearSessions(this.#context, peer);
    Atomics.add(tables.peerStagedEpoch, peerRow, 1);
    Atomics.store(tables.peerWantsSession, peerRow, 0);
    dropStaged(this.#context, peer);
    Atomics.store(tables.peerPath, peerRow, 0);
    for (let kind = 0; kind < PATH_KIND_COUNT; kind++) {
      storeEndpoint(tables, peerRow, kind, new Uint32Array(ENDPOINT_WORDS));
    }
    endpoints.forget(peerRow);
    peer.remote.staticStatic.fill(0);
    this.#peers.remove(peer);
    outbox.wakeLanes();
  }

  /**
   * Sets where a peer is reached on one path.
   *
   * @param kind Kind of the path, see `base/path_kind.ts`.
   * @param endpoint Record of 12 words; copied. One without a family takes the path away.
   * @param isConfigured The user wrote it, or a name for it. Otherwise the filter of private addresses applies.
   * @returns Whether it was set.
   */
  setEndpoint(peerRow: number, kind: number, endpoint: Uint32Array, isConfigured: boolean): boolean {
    const { tables, endpoints } = this.#context;
    if (this.#peers.at(peerRow) === undefined) return false;
    if (isConfigured) this.permitEndpoint(peerRow, endpoint);
    else if (endpoint[0] !== 0 && !endpoints.mayLearn(endpoint)) return false;
    storeEndpoint(tables, peerRow, kind, endpoint);
    return true;
  }

  /** Remembers that the user wrote an address, or a name for it: it may be learnt then even if it is private. */
  permitEndpoint(peerRow: number, endpoint: Uint32Array): void {
    this.#context.endpoints.configure(peerRow, endpoint);
  }

  /** Tells whether a peer may be sent to at an address that somebody else than the user named. */
  mayLearn(endpoint: Uint32Array): boolean {
    return this.#context.endpoints.mayLearn(endpoint);
  }

  /**
   * Decides on which paths a peer is sent to. Lanes follow at their next burst.
   *
   * A path is only used while its endpoint is known, see {@linkcode Device.setEndpoint}.
   */
  setPaths(peerRow: number, choice: PathChoice): void {
    if (this.#peers.at(peerRow) === undefined) return;
    const { tables } = this.#context;
    leavePath(tables, peerRow, choice.current);
    storePaths(tables, peerRow, choice);
  }

  /** Returns a copy of the record of where a path leads; its family is 0 if that isn't known. */
  endpointOf(peerRow: number, kind: number): Uint32Array {
    const at = (peerRow * PATH_KIND_COUNT + kind) * ENDPOINT_WORDS;
    return this.#context.tables.pathEndpoint.slice(at, at + ENDPOINT_WORDS);
  }

  /** Reads what lanes noted of a peer's paths into `out`. Does nothing for a free row. */
  readPathTraffic(peerRow: number, out: PathTraffic): void {
    if (this.#peers.at(peerRow) !== undefined) readPathTraffic(this.#context.tables, peerRow, out);
  }

  /** Lets the lanes ask again for a probe of a peer's path. */
  allowProbeRequest(peerRow: number): void {
    Atomics.store(this.#context.tables.peerWantsProbe, peerRow, 0);
  }

  /** Tells whether a peer has a session to send with. */
  hasSession(peerRow: number, nowMs: number): boolean {
    const peer = this.#peers.at(peerRow);
    return peer !== undefined && hasSession(this.#context, peer, nowMs);
  }

  /** Sends the initiation that has no answer yet on a further path, if there is one: the peer takes whichever comes first. */
  repeatInitiation(peerRow: number, kind: number): void {
    const peer = this.#peers.at(peerRow);
    if (peer?.initiation !== undefined) sendDatagram(this.#context, peer, peer.initiation.message, 1 << kind);
  }

  /** Begins a handshake with a peer unless one is under way. Does nothing while no endpoint of the peer is known. */
  beginHandshake(peerRow: number, nowMs: number): void {
    const peer = this.#peers.at(peerRow);
    if (peer === undefined || !hasEndpoint(this.#context.tables, peer)) return;
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    peer.timers.beginHandshake(nowMs);
  }

  /**
   * Sends the initiation that has no answer yet to one more address, where the peer may be. That it is there it shows by its
   * answer: until then its endpoint stays.
   *
   * @param endpoint Record of 12 words; copied.
   * @returns `false` if there is no such initiation, or the address may not be learnt.
   */
  sendInitiationTo(peerRow: number, kind: number, endpoint: Uint32Array): boolean {
    const { endpoints, outbox } = this.#context;
    const peer = this.#peers.at(peerRow);
    if (peer?.initiation === undefined || !endpoints.mayLearn(endpoint)) return false;
    return outbox.send(endpoint, 0, peer.initiation.message, peerRow, kind);
  }

  /**
   * Sets the preshared key for handshakes from now on. Sessions stay: their keys are as good as before.
   *
   * @param presharedKey 32 octets, kept; `undefined` for none.
   */
  setPresharedKey(peerRow: number, presharedKey: Uint8Array | undefined): void {
    const peer = this.#peers.at(peerRow);
    if (peer === undefined || this.#context.settings.ignorePresharedKey) return;
    peer.remote = { ...peer.remote, presharedKey: presharedKey ?? ZERO_PRESHARED_KEY };
  }

  /** Sets how long a silent peer counts as alive, in ms. */
  setPeerAliveTimeout(timeoutMs: number): void {
    this.#peerAliveTimeoutMs = timeoutMs;
  }

  /** Returns when a transport message of a peer last came in, ms; −Infinity for never. Handshakes don't count. */
  lastReceivedMs(peerRow: number): number {
    const peer = this.#peers.at(peerRow);
    if (peer === undefined) return -Infinity;
    readActivity(this.#context.tables, peer, this.#activity);
    return this.#activity.receivedMs;
  }

  /** Tells whether a peer has an endpoint and sent a transport message lately. Handshakes don't count. */
  isAlive(peerRow: number, nowMs: number): boolean {
    const peer = this.#peers.at(peerRow);
    if (peer === undefined || !hasEndpoint(this.#context.tables, peer)) return false;
    return nowMs - this.lastReceivedMs(peerRow) <= this.#peerAliveTimeoutMs;
  }

  /** Tells how many handshake messages wait to be handled; from 128 on, and for a second after, cookies are asked for. */
  setBacklog(count: number, nowMs: number): void {
    this.#handshakes.setBacklog(count, nowMs);
  }

  /**
   * Takes in what a lane reports. Kinds that don't concern the device are ignored: control messages are the control
   * layer's, failed descriptors the owner's.
   *
   * @param wallMs For people and for timestamps.
   */
  handleEvent(event: LaneEvent, nowMs: number, wallMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    if (event.kind === EventKind.HANDSHAKE) {
      const { payload: message, endpoint: source, path } = event;
      this.#handshakes.receive({ message, source, path, nowMs, wallMs });
      return;
    }
    const peer = this.#peers.at(event.peerRow);
    if (peer === undefined) return;
    switch (event.kind) {
      case EventKind.ROAMED:
        // A late report of a session that is gone may speak of the peer that had the row before.
        if (this.#context.tables.sessionPeer[event.sessionRow] === peer.row) {
          followPeer(this.#context, peer, event.path, event.endpoint, nowMs);
        }
        break;
      case EventKind.CONFIRMED:
        confirmSession(this.#context, peer, event.sessionRow, event.path, nowMs, wallMs);
        break;
      case EventKind.SESSION_WANTED:
        this.#provideSession(peer, nowMs);
        break;
    }
  }

  #provideSession(peer: Peer, nowMs: number): void {
    const { tables, outbox } = this.#context;
    const has = hasSession(this.#context, peer, nowMs);
    if (!has && hasEndpoint(tables, peer)) return peer.timers.beginHandshake(nowMs);
    // Either there is one by now, or there can't be one: in both cases the lane may ask again.
    Atomics.store(tables.peerWantsSession, peer.row, 0);
    if (has) outbox.wakeLanes();
  }

  /** Does what is due. */
  handleTimeout(nowMs: number, wallMs: number): void {
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    this.#polledMs = nowMs;
    for (const peer of this.#peers.all()) this.#pollPeer(peer, nowMs, wallMs);
  }

  #pollPeer(peer: Peer, nowMs: number, wallMs: number): void {
    const context = this.#context;
    const { timers } = peer;
    if (timers.zeroKeysDue(nowMs)) clearSessions(context, peer);
    if (!hasEndpoint(context.tables, peer)) return;
    readActivity(context.tables, peer, this.#activity);
    if (timers.keepaliveDue(this.#activity, nowMs) && !sendKeepalive(context, peer, nowMs)) {
      timers.beginHandshake(nowMs);
    }
    const session = hasSession(context, peer, nowMs) ? context.sessions.age(peer.slots.current) : undefined;
    if (timers.handshakeDue(this.#activity, session, nowMs)) timers.beginHandshake(nowMs);
    const step = timers.pollHandshake(nowMs);
    if (step === "initiate") sendInitiation(context, peer, nowMs, wallMs);
    else if (step === "give up") this.#giveUp(peer);
  }

  #giveUp(peer: Peer): void {
    const { tables, outbox, sessions, log } = this.#context;
    dropInitiation(sessions, peer);
    dropStaged(this.#context, peer);
    Atomics.add(tables.peerStagedEpoch, peer.row, 1);
    Atomics.store(tables.peerWantsSession, peer.row, 0);
    outbox.wakeLanes();
    outbox.report({ kind: "handshake given up", peerRow: peer.row });
    log.warn("peer doesn't answer handshakes", {
      peer: formatNodeId(peer.nodeId),
      endpoint: currentEndpointText(tables, peer.row),
    });
  }

  /**
   * Seals a control message for a peer and queues it; without a session it waits for one.
   *
   * @returns `false` if the peer doesn't exist or has no endpoint.
   */
  sendMessage(peerRow: number, message: ControlMessage, nowMs: number): boolean {
    const peer = this.#peers.at(peerRow);
    if (peer === undefined) return false;
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    return sendOrStage(this.#context, peer, message.type, message.ttl, contentOf(message), nowMs);
  }

  /**
   * Seals a control message for a peer that has a session, and queues it for certain paths.
   *
   * @param paths Set of kinds; see `dataplane/path_word.ts`.
   * @returns `false` if there is no session, or none of the paths has an endpoint: nothing waits then.
   */
  sendMessageOn(peerRow: number, paths: number, message: ControlMessage, nowMs: number): boolean {
    const peer = this.#peers.at(peerRow);
    if (peer === undefined || (knownPaths(this.#context.tables, peer) & paths) === 0) return false;
    this.#nowMs = Math.max(this.#nowMs, nowMs);
    return sendSealed(this.#context, peer, message.type, message.ttl, contentOf(message), nowMs, paths);
  }

  /** Writes the next datagram to send into `out` and tells whether there was one. */
  pollTransmit(out: Transmit): boolean {
    return this.#context.outbox.pollTransmit(out);
  }

  /** Returns the next event for the owner, or `undefined`. */
  pollEvent(): DeviceEvent | undefined {
    return this.#context.outbox.pollEvent();
  }

  /**
   * Returns when {@linkcode Device.handleTimeout} is to be called at the latest, in ms; `Infinity` if nothing is pending.
   *
   * While a peer has a session that is at most {@linkcode ACTIVITY_POLL_MS} from the last call, because what lanes do is
   * only seen by looking.
   */
  pollTimeout(): number {
    const context = this.#context;
    if (!context.outbox.isEmpty) return this.#nowMs;
    let next = Infinity;
    let isWatching = false;
    for (const peer of this.#peers.all()) {
      const { timers } = peer;
      next = Math.min(next, hasEndpoint(context.tables, peer) ? timers.deadlineMs() : timers.zeroKeysAtMs());
      isWatching ||= hasSession(context, peer, this.#nowMs);
    }
    if (isWatching) next = Math.min(next, this.#polledMs + ACTIVITY_POLL_MS);
    return Math.max(next, this.#nowMs);
  }

  /** Returns the state of every peer, by ascending row. */
  snapshot(nowMs: number): PeerSnapshot[] {
    return Array.from(this.#peers.all(), (peer) => snapshotPeer(this.#context, peer, nowMs));
  }
}
