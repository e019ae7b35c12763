/**
 * Which FakeTCP connection is a peer's path, and when one is dialled.
 *
 * The transport knows addresses and connections, not peers. A connection that we dialled is the peer's whose address was
 * dialled. One that was accepted is nobody's until something authentic of a peer has come on it; if that takes too long it is
 * closed, so that strangers can't fill the table.
 *
 * Of two connections to one peer, the one dialled by the lower NodeId wins, and of two of one dialler the newer: so both
 * sides settle on the same. A connection by simultaneous open was dialled by both, and ranks between. Which SYN arrived
 * where may look different from either side, so it isn't that what tells: it is that we dialled the peer's outside port,
 * where it doesn't listen, so that only a dial of its own can have met ours.
 *
 * @module
 */

import { DialWay } from "../base/dial_way.ts";
import { ENDPOINT_CONNECTION, ENDPOINT_GENERATION } from "../base/endpoint.ts";
import { PATH_KIND_COUNT, PathKind } from "../base/path_kind.ts";
import { DIAL_SPACING_MS, DialPlan } from "./dial_plan.ts";
import { DialRound } from "./dial_round.ts";
import { DialTargets } from "./dial_targets.ts";
import type { Candidate } from "./documents.ts";

/** Opens and closes connections: what this layer needs of the FakeTCP stack. Endpoints are records of 12 words. */
export interface Dialler {
  /** Begins to dial, in a {@linkcode DialWay}. Returns the row of the new connection, or −1 if it can't be dialled. */
  dial(remote: Uint32Array, nowMs: number, way: number): number;
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

/** A connection that is a peer's. */
interface OwnConnection extends OpenConnection {
  /** Of two connections the greater one wins: 2 dialled by the lower NodeId, 1 by both, 0 by the higher one. */
  readonly merit: number;
}

interface PeerConnections {
  readonly peerRow: number;
  readonly plan: DialPlan;
  /** Whether our NodeId is lower than the peer's. */
  readonly isLower: boolean;
  readonly targets: DialTargets;
  /** By kind: the connection in use. */
  readonly used: (OwnConnection | undefined)[];
  /** The dials that go on; some may outlast the round. */
  round: DialRound | undefined;
  /** Whether the round is over, so that the plan says when the next one begins. */
  isPausing: boolean;
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

  /**
   * Takes a peer on.
   *
   * @param isLower Whether our NodeId is lower than the peer's.
   * @param isSuper Whether it is a super node.
   */
  addPeer(peerRow: number, isLower: boolean, isSuper = false): void {
    this.#peers.set(peerRow, {
      peerRow,
      plan: new DialPlan(isLower),
      isLower,
      targets: new DialTargets(this.#order, isSuper),
      used: new Array(PATH_KIND_COUNT).fill(undefined),
      round: undefined,
      isPausing: true,
    });
  }

  /** Lets a peer go, with its connections. */
  removePeer(peerRow: number, nowMs: number): void {
    const peer = this.#peers.get(peerRow);
    if (peer === undefined) return;
    this.#peers.delete(peerRow);
    this.#abandonRound(peer, nowMs);
    for (const connection of peer.used) if (connection !== undefined) this.#dialler.close(connection.row, nowMs);
  }

  /** Sets the address at which a peer is dialled first, as the user wrote it. */
  configureTarget(peerRow: number, kind: number, endpoint: Uint32Array): void {
    this.#peers.get(peerRow)?.targets.configure(kind, endpoint);
  }

  /** Sets the address at which a peer is dialled if the user wrote none. */
  learnTarget(peerRow: number, kind: number, endpoint: Uint32Array): void {
    this.#peers.get(peerRow)?.targets.learn(kind, endpoint);
  }

  /**
   * Sets the addresses at which a super node says that a peer can be dialled, in place of all that it said before. With news
   * a peer that is wanted is dialled at once, as the peer does us, which learns ours at the same time.
   *
   * @param candidates Those of other kinds than FakeTCP's are ignored; copied.
   */
  setCandidates(peerRow: number, candidates: readonly Candidate[], nowMs: number): void {
    const peer = this.#peers.get(peerRow);
    if (peer === undefined || !peer.targets.setCandidates(candidates)) return;
    peer.plan.isMutual = peer.targets.punches().length > 0;
    if (isConnected(peer)) return;
    this.#abandonRound(peer, nowMs);
    peer.plan.restart(nowMs);
  }

  /** Tells whether a peer can be dialled. */
  hasTarget(peerRow: number): boolean {
    return this.#order.some((kind) => this.targetsOf(peerRow, kind).length > 0);
  }

  /** Returns the addresses at which a peer is dialled. */
  targetsOf(peerRow: number, kind: number): Uint32Array[] {
    return this.#peers.get(peerRow)?.targets.endpointsOf(kind) ?? [];
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
    const peer = this.#peers.get(peerRow);
    peer?.plan.cancel();
    peer?.round?.stop();
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
      const target = peer.round?.targetOf(connection.row);
      if (target === undefined) continue;
      peer.round?.end(connection.row);
      this.#offer(peer, target.kind, connection, target.way === DialWay.PUNCH, nowMs);
      return;
    }
    this.#dialler.close(connection.row, nowMs);
  }

  /** The stack has closed a connection, or failed to open it. */
  handleClosed(row: number, generation: number, why: string, nowMs: number): void {
    this.#unclaimed.delete(row);
    this.#retired.delete(row);
    for (const peer of this.#peers.values()) {
      if (peer.round?.targetOf(row) !== undefined) {
        peer.round.end(row);
        return this.#pause(peer, nowMs);
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
    this.#offer(peer, kind, claimed.connection, false, nowMs);
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
    for (const peer of this.#peers.values()) this.#advance(peer, nowMs);
  }

  /** Returns when {@linkcode FakeTcpPaths.handleTimeout} is to be called at the latest, ms. */
  pollTimeout(): number {
    let next = Infinity;
    for (const { plan, round, isPausing } of this.#peers.values()) {
      next = Math.min(next, isPausing ? plan.dueMs : round?.dueMs() ?? Infinity);
    }
    // Of the others the first is the oldest.
    const [unclaimed] = this.#unclaimed.values();
    const [retiredMs] = this.#retired.values();
    return Math.min(
      Math.max(next, this.#nextDialMs),
      unclaimed === undefined ? Infinity : unclaimed.openedMs + UNCLAIMED_MS,
      retiredMs ?? Infinity,
    );
  }

  /** Does what is due for a peer: no more than one dial. */
  #advance(peer: PeerConnections, nowMs: number): void {
    const overdueRow = peer.round?.overdueRow(nowMs) ?? -1;
    if (overdueRow >= 0) {
      this.#dialler.abort(overdueRow, nowMs);
      peer.round?.end(overdueRow);
    }
    if (nowMs >= this.#nextDialMs) {
      if (peer.isPausing && peer.plan.dueMs <= nowMs) this.#beginRound(peer, nowMs);
      this.#dialNext(peer, nowMs);
    }
    this.#pause(peer, nowMs);
  }

  #beginRound(peer: PeerConnections, nowMs: number): void {
    peer.plan.onDial();
    if (isBusy(peer) || !this.hasTarget(peer.peerRow)) return;
    this.#abandonRound(peer, nowMs);
    peer.round = new DialRound(peer.targets.ordinary(), peer.targets.punches(), nowMs);
    peer.isPausing = false;
  }

  #dialNext(peer: PeerConnections, nowMs: number): void {
    const target = peer.round?.next(nowMs);
    if (target === undefined) return;
    this.#nextDialMs = nowMs + DIAL_SPACING_MS;
    const row = this.#dialler.dial(target.endpoint, nowMs, target.way);
    if (row >= 0) peer.round?.begin(target, row, nowMs);
  }

  /** Plans the next round if this one is over. */
  #pause(peer: PeerConnections, nowMs: number): void {
    if (peer.isPausing || peer.round?.isOver(nowMs) === false) return;
    peer.isPausing = true;
    if (!isConnected(peer)) peer.plan.onClosed(nowMs);
  }

  /** Gives up all dials that go on. */
  #abandonRound(peer: PeerConnections, nowMs: number): void {
    for (const row of peer.round?.rows() ?? []) this.#dialler.abort(row, nowMs);
    peer.round = undefined;
    peer.isPausing = true;
  }

  /** Makes a connection the peer's path, unless the one that it has is the better one. */
  #offer(
    peer: PeerConnections,
    kind: number,
    connection: OpenConnection,
    isPunched: boolean,
    nowMs: number,
  ): void {
    const merit = meritOf(connection, isPunched, peer.isLower);
    const present = peer.used[kind];
    if (present !== undefined && merit < present.merit) {
      this.#retired.set(connection.row, nowMs + RETIREMENT_MS);
      this.#events.onOtherUsed(peer.peerRow, kind, nowMs);
      return;
    }
    peer.used[kind] = { ...connection, merit };
    peer.round?.stop();
    peer.isPausing = true;
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

function isConnected(peer: PeerConnections): boolean {
  return peer.used.some((connection) => connection !== undefined);
}

/** Whether a peer has a connection, or a round goes on. */
function isBusy(peer: PeerConnections): boolean {
  return !peer.isPausing || isConnected(peer);
}

/** See {@linkcode OwnConnection.merit}. */
function meritOf({ dialled }: OpenConnection, isPunched: boolean, weAreLower: boolean): number {
  if (isPunched) return 1;
  return dialled === weAreLower ? 2 : 0;
}
