/**
 * Which FakeTCP connection is a peer's path, and when one is dialled.
 *
 * The transport knows addresses and connections, not peers. A connection that we dialled is the peer's whose address was
 * dialled. One that was accepted is nobody's until something authentic of a peer has come on it; if that takes too long it is
 * closed, so that strangers can't fill the table.
 *
 * Of two connections to one peer, the one dialled by the lower NodeId wins, and of two of one dialler the newer: so both
 * sides settle on the same.
 *
 * @module
 */

import { ENDPOINT_CONNECTION, ENDPOINT_GENERATION } from "../base/endpoint.ts";
import { PATH_KIND_COUNT, PathKind } from "../base/path_kind.ts";
import { DIAL_SPACING_MS, DialPlan } from "./dial_plan.ts";

/** Opens and closes connections: what this layer needs of the FakeTCP stack. Endpoints are records of 12 words. */
export interface Dialler {
  /** Begins to dial. Returns the row of the new connection, or −1 if it can't be dialled. */
  dial(remote: Uint32Array, nowMs: number): number;
  /** Ends a connection in an orderly way. */
  close(row: number, nowMs: number): void;
  /** Forgets a connection without a word: what the peer thinks of it is its own matter. */
  abort(row: number, nowMs: number): void;
  /** Sends each datagram as a segment of its own from now on. */
  setSingles(row: number): void;
}

/** A connection that is open. */
export interface OpenConnection {
  readonly row: number;
  readonly generation: number;
  readonly dialled: boolean;
  /** With the connection's row and generation. */
  readonly endpoint: Uint32Array;
  readonly maxDatagramLen: number;
}

/** What changes for a peer. */
export interface FakeTcpEvents {
  /** The peer's path of this kind leads over this connection from now on. */
  onPath(peerRow: number, kind: number, connection: OpenConnection, nowMs: number): void;
  /** The peer uses another connection than the one that is its path, and a worse one: it is to see the better one used. */
  onOtherUsed(peerRow: number, kind: number, nowMs: number): void;
  /** The peer has no path of this kind any more. */
  onPathGone(peerRow: number, kind: number, why: string, nowMs: number): void;
}

/** How long an accepted connection may be nobody's, ms. */
const UNCLAIMED_MS = 15_000;
/** How long a connection that another one has replaced stays open: the peer may still send on it, ms. */
const RETIREMENT_MS = 5_000;

interface PeerConnections {
  readonly peerRow: number;
  readonly plan: DialPlan;
  /** Whether our NodeId is lower than the peer's. */
  readonly isLower: boolean;
  /** By kind: the address to dial that the user wrote. */
  readonly configured: (Uint32Array | undefined)[];
  /** By kind: the address to dial that follows from where the peer is reached by UDP. */
  readonly learnt: (Uint32Array | undefined)[];
  /** By kind: the connection in use. */
  readonly used: (OpenConnection | undefined)[];
  /** Row that is being dialled, −1 for none, and its kind. */
  dialling: number;
  diallingKind: number;
  /** Kind that is dialled next, if it has an address; after a failure another than the last. */
  nextKind: number;
}

/** The FakeTCP connections of all peers. */
export class FakeTcpPaths {
  readonly #dialler: Dialler;
  readonly #order: readonly number[];
  readonly #events: FakeTcpEvents;
  readonly #peers = new Map<number, PeerConnections>();
  /** Accepted, and nobody's yet: by row. */
  readonly #unclaimed = new Map<number, { readonly connection: OpenConnection; readonly openedMs: number }>();
  /** Replaced ones, by row: when to close them. */
  readonly #retired = new Map<number, number>();
  #nextDialMs = -Infinity;

  /** @param order Kinds of paths, preferred first. */
  constructor(dialler: Dialler, order: readonly number[], events: FakeTcpEvents) {
    this.#dialler = dialler;
    this.#order = order.filter((kind) => kind === PathKind.FAKETCP4 || kind === PathKind.FAKETCP6);
    this.#events = events;
  }

  /** Takes a peer on. @param isLower Whether our NodeId is lower than the peer's. */
  addPeer(peerRow: number, isLower: boolean): void {
    this.#peers.set(peerRow, {
      peerRow,
      plan: new DialPlan(isLower),
      isLower,
      configured: new Array(PATH_KIND_COUNT).fill(undefined),
      learnt: new Array(PATH_KIND_COUNT).fill(undefined),
      used: new Array(PATH_KIND_COUNT).fill(undefined),
      dialling: -1,
      diallingKind: -1,
      nextKind: this.#order[0],
    });
  }

  /** Lets a peer go, with its connections. */
  removePeer(peerRow: number, nowMs: number): void {
    const peer = this.#peers.get(peerRow);
    if (peer === undefined) return;
    this.#peers.delete(peerRow);
    if (peer.dialling >= 0) this.#dialler.abort(peer.dialling, nowMs);
    for (const connection of peer.used) if (connection !== undefined) this.#dialler.close(connection.row, nowMs);
  }

  /** Sets the address at which a peer is dialled, as the user wrote it. */
  configureTarget(peerRow: number, kind: number, endpoint: Uint32Array): void {
    const peer = this.#peers.get(peerRow);
    if (peer !== undefined) peer.configured[kind] = endpoint.slice();
  }

  /** Sets the address at which a peer is dialled if the user wrote none. */
  learnTarget(peerRow: number, kind: number, endpoint: Uint32Array): void {
    const peer = this.#peers.get(peerRow);
    if (peer !== undefined) peer.learnt[kind] = endpoint.slice();
  }

  /** Tells whether a peer can be dialled. */
  hasTarget(peerRow: number): boolean {
    const peer = this.#peers.get(peerRow);
    return peer !== undefined && this.#order.some((kind) => targetOf(peer, kind) !== undefined);
  }

  /** Returns the address at which a peer is dialled, if it can be. */
  targetOf(peerRow: number, kind: number): Uint32Array | undefined {
    const peer = this.#peers.get(peerRow);
    return peer === undefined ? undefined : targetOf(peer, kind);
  }

  /** Returns the connection that a peer's path leads over. */
  connectionOf(peerRow: number, kind: number): OpenConnection | undefined {
    return this.#peers.get(peerRow)?.used[kind];
  }

  /** A connection is to be there before it is needed. */
  wantWarm(peerRow: number, nowMs: number): void {
    const peer = this.#peers.get(peerRow);
    if (peer !== undefined && !isBusy(peer)) peer.plan.wantWarm(nowMs);
  }

  /** A handshake was begun, and there is no session. */
  wantForHandshake(peerRow: number, nowMs: number): void {
    const peer = this.#peers.get(peerRow);
    if (peer !== undefined && !isBusy(peer)) peer.plan.wantForHandshake(nowMs);
  }

  /** The peer doesn't speak FakeTCP. */
  cancel(peerRow: number): void {
    this.#peers.get(peerRow)?.plan.cancel();
  }

  /** The connection of a peer's path leads nowhere: it is given up, and another dialled. */
  giveUp(peerRow: number, kind: number, nowMs: number): void {
    const peer = this.#peers.get(peerRow);
    const connection = peer?.used[kind];
    if (peer === undefined || connection === undefined) return;
    this.#dialler.abort(connection.row, nowMs);
    this.#lose(peer, kind, "no answer", nowMs);
  }

  /** The connection of a peer's path is of no use: it is given up, and none is dialled before a time. */
  rest(peerRow: number, kind: number, untilMs: number, nowMs: number): void {
    this.giveUp(peerRow, kind, nowMs);
    this.#peers.get(peerRow)?.plan.postpone(untilMs);
  }

  /** Finds the peer and the kind of the path that leads over a connection. */
  ownerOf(row: number): { readonly peerRow: number; readonly kind: number } | undefined {
    for (const { peerRow, used } of this.#peers.values()) {
      const kind = used.findIndex((connection) => connection?.row === row);
      if (kind >= 0) return { peerRow, kind };
    }
    return undefined;
  }

  /** The stack has opened a connection. */
  handleOpened(connection: OpenConnection, nowMs: number): void {
    if (!connection.dialled) {
      this.#unclaimed.set(connection.row, { connection, openedMs: nowMs });
      return;
    }
    for (const peer of this.#peers.values()) {
      if (peer.dialling !== connection.row) continue;
      peer.dialling = -1;
      this.#offer(peer, peer.diallingKind, connection, nowMs);
      return;
    }
    this.#dialler.close(connection.row, nowMs);
  }

  /** The stack has closed a connection, or failed to open it. */
  handleClosed(row: number, generation: number, why: string, nowMs: number): void {
    this.#unclaimed.delete(row);
    this.#retired.delete(row);
    for (const peer of this.#peers.values()) {
      if (peer.dialling === row) {
        peer.dialling = -1;
        this.#rotate(peer);
        if (!isBusy(peer)) peer.plan.onClosed(nowMs);
        return;
      }
      const kind = peer.used.findIndex((used) => used?.row === row && used.generation === generation);
      if (kind >= 0) return this.#lose(peer, kind, why, nowMs);
    }
  }

  /** The path over a connection carries less, or more, than it did. Returns the path, if it is one. */
  handleLimit(row: number, maxDatagramLen: number): { readonly peerRow: number; readonly kind: number } | undefined {
    for (const { peerRow, used } of this.#peers.values()) {
      const kind = used.findIndex((connection) => connection?.row === row);
      const connection = used[kind];
      if (connection === undefined) continue;
      used[kind] = { ...connection, maxDatagramLen };
      return { peerRow, kind };
    }
    return undefined;
  }

  /** Something authentic of a peer came on a connection that isn't its path. @param endpoint Names the connection. */
  handleUsed(peerRow: number, kind: number, endpoint: Uint32Array, nowMs: number): void {
    const peer = this.#peers.get(peerRow);
    const row = endpoint[ENDPOINT_CONNECTION] - 1;
    const claimed = this.#unclaimed.get(row);
    if (peer !== undefined && this.#retired.has(row)) return this.#events.onOtherUsed(peerRow, kind, nowMs);
    if (peer === undefined || claimed?.connection.generation !== (endpoint[ENDPOINT_GENERATION] | 0)) return;
    this.#unclaimed.delete(row);
    this.#offer(peer, kind, claimed.connection, nowMs);
  }

  /** Does what is due. */
  handleTimeout(nowMs: number): void {
    for (const [row, { openedMs }] of this.#unclaimed) {
      if (nowMs - openedMs < UNCLAIMED_MS) break;
      this.#unclaimed.delete(row);
      this.#dialler.close(row, nowMs);
    }
    for (const [row, closeMs] of this.#retired) {
      if (nowMs < closeMs) break;
      this.#retired.delete(row);
      this.#dialler.close(row, nowMs);
    }
    for (const peer of this.#peers.values()) {
      if (nowMs < this.#nextDialMs) return;
      if (peer.plan.dueMs <= nowMs) this.#dial(peer, nowMs);
    }
  }

  /** Returns when {@linkcode FakeTcpPaths.handleTimeout} is to be called at the latest, ms. */
  pollTimeout(): number {
    let next = Infinity;
    for (const { plan } of this.#peers.values()) next = Math.min(next, plan.dueMs);
    // Of the others the first is the oldest.
    const [unclaimed] = this.#unclaimed.values();
    const [retiredMs] = this.#retired.values();
    return Math.min(
      Math.max(next, this.#nextDialMs),
      unclaimed === undefined ? Infinity : unclaimed.openedMs + UNCLAIMED_MS,
      retiredMs ?? Infinity,
    );
  }

  #dial(peer: PeerConnections, nowMs: number): void {
    const candidates = this.#order.filter((kind) => targetOf(peer, kind) !== undefined);
    const kind = candidates.includes(peer.nextKind) ? peer.nextKind : candidates[0];
    peer.plan.onDial();
    if (kind === undefined || isBusy(peer)) return;
    this.#nextDialMs = nowMs + DIAL_SPACING_MS;
    const target = targetOf(peer, kind);
    peer.dialling = target === undefined ? -1 : this.#dialler.dial(target, nowMs);
    peer.diallingKind = kind;
    if (peer.dialling >= 0) return;
    peer.plan.onClosed(nowMs);
    this.#rotate(peer);
  }

  /** Lets the next dial be of the other family, which may get through where this one didn't. */
  #rotate(peer: PeerConnections): void {
    peer.nextKind = this.#order.find((kind) => kind !== peer.diallingKind) ?? peer.diallingKind;
  }

  /** Makes a connection the peer's path, unless the one that it has is the better one. */
  #offer(peer: PeerConnections, kind: number, connection: OpenConnection, nowMs: number): void {
    const present = peer.used[kind];
    if (present !== undefined && !isBetter(connection, present, peer.isLower)) {
      this.#retired.set(connection.row, nowMs + RETIREMENT_MS);
      this.#events.onOtherUsed(peer.peerRow, kind, nowMs);
      return;
    }
    peer.used[kind] = connection;
    peer.plan.onOpened(nowMs);
    this.#events.onPath(peer.peerRow, kind, connection, nowMs);
    if (present !== undefined) this.#retired.set(present.row, nowMs + RETIREMENT_MS);
  }

  #lose(peer: PeerConnections, kind: number, why: string, nowMs: number): void {
    peer.used[kind] = undefined;
    peer.plan.onClosed(nowMs);
    this.#events.onPathGone(peer.peerRow, kind, why, nowMs);
  }
}

function targetOf(peer: PeerConnections, kind: number): Uint32Array | undefined {
  return peer.configured[kind] ?? peer.learnt[kind];
}

/** Whether a peer has a connection, or is being dialled. */
function isBusy(peer: PeerConnections): boolean {
  return peer.dialling >= 0 || peer.used.some((connection) => connection !== undefined);
}

function isBetter(offered: OpenConnection, present: OpenConnection, weAreLower: boolean): boolean {
  return offered.dialled === present.dialled || offered.dialled === weAreLower;
}
