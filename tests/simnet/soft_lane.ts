/**
 * A lane in plain TypeScript: it shares the tables with a device and talks to it by the same events as the real ones.
 *
 * It does only what sessions need: seals with a peer's current session, opens by index, keeps the replay window, lets
 * content wait for a session, mirrors on the paths in use, reports confirmations and moves. There is no tap, no broadcast, no
 * batch; one lane, number 0. What it opens it hands out, but for what is the control thread's; only the lane of a node of
 * which the NodeId was given looks at where content is to go, and relays.
 *
 * @module
 */

import { ENDPOINT_WORDS, sameEndpoint } from "../../src/base/endpoint.ts";
import type { NodeId } from "../../src/base/node_id.ts";
import { PATH_KIND_COUNT } from "../../src/base/path_kind.ts";
import { Reason, REASON_COUNT } from "../../src/base/reason.ts";
import type { Ring } from "../../src/base/ring.ts";
import { createEventRing, EventKind, putEvent, putPlainEvent } from "../../src/dataplane/events.ts";
import { pathsInUse } from "../../src/dataplane/path_word.ts";
import {
  KEY_LEN,
  NO_ROW,
  NO_ROW_16,
  PeerState,
  SessionState,
  Setting,
  type Tables,
} from "../../src/dataplane/tables.ts";
import { DEFAULT_TIMER_PARAMS } from "../../src/noise/constants.ts";
import { rowOfIndex } from "../../src/noise/index_table.ts";
import { NONCE_LEN, type Primitives } from "../../src/noise/primitives.ts";
import { acceptCounter, REPLAY_WORDS } from "../../src/noise/replay.ts";
import { EG_HEADER_LEN, readDestination, readSource } from "../../src/wire/eg_header.ts";
import { checkHandshake } from "../../src/wire/handshake_message.ts";
import { FIRST_TRANSPORT_TYPE, MessageType } from "../../src/wire/message_type.ts";
import {
  checkTransport,
  KEEPALIVE_LEN,
  mayBeUntypedKeepalive,
  MIN_DATAGRAM_LEN,
  readCounter,
  readCounterHigh,
  readCounterLow,
  readReceiverIndex,
  readTtl,
  TRANSPORT_HEADER_LEN,
  TRANSPORT_OVERHEAD_LEN,
  writeTransportHeader,
  writeTransportNonce,
} from "../../src/wire/transport_message.ts";
import { placeOf } from "./soft_route.ts";

const LANE = 0;
const STAGED_MAX = 128;
/** Length of the all-zero datagram that reference nodes send on a standby path; `wire.md` §9.3. */
const STANDBY_PROBE_LEN = 32;
/** Relays that a message may pass which starts here. */
const FIRST_TTL = 200;
const NOTHING = new Uint8Array(0);

/** Content on its way out. */
interface Outgoing {
  readonly content: Uint8Array;
  readonly ttl: number;
}

/** A datagram that the lane wants sent, with the record of where to. */
export interface LaneDatagram {
  readonly endpoint: Uint32Array;
  readonly octets: Uint8Array;
  /** Kind of the path that it is for. */
  readonly path: number;
  readonly peerRow: number;
}

/** Opened content. */
export interface LaneContent {
  readonly peerRow: number;
  readonly type: number;
  readonly content: Uint8Array;
}

/** The same with what the lane itself needs. */
interface OpenedContent {
  readonly type: number;
  readonly ttl: number;
  readonly content: Uint8Array;
  readonly session: number;
  readonly source: Uint32Array;
  readonly path: number;
}

/** The lane. */
export class SoftLane {
  readonly events: Ring = createEventRing();
  /** Datagrams to be sent, oldest first; the owner empties it. */
  readonly outgoing: LaneDatagram[] = [];
  /** Content received, oldest first; the owner empties it. */
  readonly delivered: LaneContent[] = [];
  readonly #tables: Tables;
  readonly #primitives: Primitives;
  readonly #knowsPaths: boolean;
  readonly #staged = new Map<number, { epoch: number; contents: Outgoing[] }>();
  /** `undefined`: nothing is routed. */
  #selfNodeId: NodeId | undefined;

  /** @param knowsPaths Whether path messages are for the control thread; a reference node drops them. */
  constructor(tables: Tables, primitives: Primitives, knowsPaths: boolean) {
    this.#knowsPaths = knowsPaths;
    this.#tables = tables;
    this.#primitives = primitives;
  }

  /** From now on content goes where its inner header says: here, to the control thread, or on to another node. */
  route(selfNodeId: NodeId): void {
    this.#selfNodeId = selfNodeId;
  }

  /** Sends content to the node that its inner header names, by the routes in the tables. */
  sendByRoute(content: Uint8Array, nowMs: number): void {
    const row = this.#tables.nextHopPeer[readDestination(content, 0)];
    if (row === NO_ROW_16) return this.#drop(Reason.NO_ROUTE);
    this.send(row, content, nowMs);
  }

  /** Sends content to a peer, or lets it wait for a session. */
  send(peerRow: number, content: Uint8Array, nowMs: number, ttl = FIRST_TTL): void {
    if (this.#pathsOf(peerRow, nowMs).length === 0) return this.#drop(Reason.NO_ENDPOINT);
    const session = this.#sessionToSend(peerRow, nowMs);
    if (session !== NO_ROW) return this.#seal(peerRow, session, { content, ttl }, nowMs);
    const epoch = this.#tables.peerStagedEpoch[peerRow];
    const staged = this.#staged.get(peerRow) ?? { epoch, contents: [] };
    if (staged.contents.length === STAGED_MAX) {
      staged.contents.shift();
      this.#drop(Reason.STAGED_OVERFLOW);
    }
    staged.contents.push({ content, ttl });
    this.#staged.set(peerRow, staged);
  }

  /** Looks at the tables: sends what waits, or drops it where the handshake was given up. */
  flush(nowMs: number): void {
    for (const [peerRow, { epoch, contents }] of [...this.#staged]) {
      if (this.#tables.peerStagedEpoch[peerRow] !== epoch) {
        this.#staged.delete(peerRow);
        for (const _ of contents) this.#drop(Reason.STAGED_EXPIRED);
        continue;
      }
      const session = this.#sessionToSend(peerRow, nowMs);
      if (session === NO_ROW) continue;
      this.#staged.delete(peerRow);
      for (const waiting of contents) this.#seal(peerRow, session, waiting, nowMs);
    }
  }

  /** Takes in a datagram that came on a path of a kind. */
  receive(octets: Uint8Array, source: Uint32Array, path: number, nowMs: number): void {
    const view = new DataView(octets.buffer, octets.byteOffset, octets.length);
    if (octets.length < MIN_DATAGRAM_LEN) return this.#drop(Reason.DATAGRAM_TRUNCATED);
    if (octets.length === STANDBY_PROBE_LEN && octets.every((octet) => octet === 0)) {
      return this.#drop(Reason.STANDBY_PROBE);
    }
    if (octets[0] < FIRST_TRANSPORT_TYPE && !mayBeUntypedKeepalive(view, 0, octets.length)) {
      const reason = checkHandshake(octets, 0, octets.length);
      if (reason !== Reason.NONE) return this.#drop(reason);
      const kind = EventKind.HANDSHAKE;
      const { length } = octets;
      if (!putEvent(this.events, kind, NO_ROW, NO_ROW, nowMs, 0, path, source, 0, octets, 0, length)) {
        this.#drop(Reason.HANDSHAKE_OVERLOAD);
      }
      return;
    }
    const reason = octets[0] >= FIRST_TRANSPORT_TYPE ? checkTransport(view, 0, octets.length) : Reason.NONE;
    this.#drop(reason !== Reason.NONE ? reason : this.#open(octets, view, source, path, nowMs));
  }

  #open(octets: Uint8Array, view: DataView, source: Uint32Array, path: number, nowMs: number): number {
    const tables = this.#tables;
    const index = readReceiverIndex(view, 0);
    const session = rowOfIndex(index, tables.sessionRowBits);
    const state = Atomics.load(tables.sessionState, session);
    if (state === SessionState.NONE || tables.sessionLocalIndex[session] !== index) return Reason.SESSION_UNKNOWN;
    if (!isFresh(tables, session, nowMs)) return Reason.SESSION_EXPIRED;
    const key = tables.sessionReceiveKey.slice(session * KEY_LEN, (session + 1) * KEY_LEN);
    const content = this.#primitives.aeadOpen(
      key,
      nonceOf(readCounter(view, 0)),
      octets.subarray(TRANSPORT_HEADER_LEN),
      NOTHING,
    );
    if (content === undefined) return Reason.AEAD_FAILED;
    const window = session * REPLAY_WORDS;
    if (!acceptCounter(tables.sessionReplay, window, readCounterLow(view, 0), readCounterHigh(view, 0))) {
      return Reason.REPLAY;
    }

    const peerRow = tables.sessionPeer[session];
    tables.lastReceivedMs[peerRow] = nowMs;
    tables.receivedPackets[peerRow]++;
    tables.receivedOctets[peerRow] += octets.length;
    const pathRow = peerRow * PATH_KIND_COUNT + path;
    tables.pathReceivedMs[pathRow] = nowMs;
    tables.pathReceivedPackets[pathRow]++;
    tables.pathReceivedOctets[pathRow] += octets.length;
    if (!sameEndpoint(tables.pathEndpoint, pathRow * ENDPOINT_WORDS, source, 0)) {
      putEvent(this.events, EventKind.ROAMED, peerRow, session, nowMs, 0, path, source, 0, NOTHING, 0, 0);
    }
    if (state === SessionState.NEXT) putPlainEvent(this.events, EventKind.CONFIRMED, peerRow, session, nowMs, 0, path);
    if (content.length === 0) return Reason.NONE;
    tables.lastDataReceivedMs[peerRow] = nowMs;
    const opened = { type: octets[0], ttl: readTtl(view, 0), content, session, source, path };
    if (opened.type === MessageType.PATH) return this.#tellControl(opened, nowMs);
    if (this.#selfNodeId !== undefined) return this.#route(opened, this.#selfNodeId, nowMs);
    this.delivered.push({ peerRow, type: opened.type, content });
    return Reason.NONE;
  }

  #route(opened: OpenedContent, selfNodeId: NodeId, nowMs: number): number {
    const tables = this.#tables;
    const { type, ttl, content, session } = opened;
    const peerRow = tables.sessionPeer[session];
    if (content.length <= EG_HEADER_LEN) return Reason.CONTENT_TRUNCATED;
    const [source, destination] = [readSource(content, 0), readDestination(content, 0)];
    const isFromSuper = tables.peerState[peerRow] === PeerState.SUPER;
    const place = placeOf({ type, source, destination, isFromSuper }, selfNodeId);
    if (typeof place === "number") return place;
    if (place === "control") return this.#tellControl(opened, nowMs);
    if (place === "here") {
      this.delivered.push({ peerRow, type, content });
      return Reason.NONE;
    }
    const next = tables.nextHopPeer[destination];
    if (next === NO_ROW_16) return Reason.NO_ROUTE;
    if (next === peerRow) return Reason.ROUTE_BACK;
    if (tables.settings[Setting.DISABLE_RELAY] !== 0) return Reason.RELAY_DISABLED;
    if (ttl === 0) return Reason.TTL_EXPIRED;
    this.send(next, content, nowMs, ttl - 1);
    return Reason.NONE;
  }

  #tellControl({ type, ttl, content, session, source, path }: OpenedContent, nowMs: number): number {
    if (type === MessageType.PATH && !this.#knowsPaths) return Reason.USAGE_UNKNOWN;
    const peerRow = this.#tables.sessionPeer[session];
    const kind = EventKind.MESSAGE;
    const number = type | (ttl << 8);
    return putEvent(this.events, kind, peerRow, session, nowMs, number, path, source, 0, content, 0, content.length)
      ? Reason.NONE
      : Reason.EVENT_OVERFLOW;
  }

  /** Kinds of the paths that a datagram to a peer goes out on now; asks for a probe if the current one is unconfirmed. */
  #pathsOf(peerRow: number, nowMs: number): number[] {
    const tables = this.#tables;
    const mask = pathsInUse(tables, peerRow, nowMs);
    const kinds: number[] = [];
    for (let kind = 0; kind < PATH_KIND_COUNT; kind++) {
      const isKnown = tables.pathEndpoint[(peerRow * PATH_KIND_COUNT + kind) * ENDPOINT_WORDS] !== 0;
      if (isKnown && (mask & (1 << kind)) !== 0) kinds.push(kind);
    }
    const isUnconfirmed = nowMs > tables.peerConfirmedUntilMs[peerRow] && kinds.length > 0;
    if (isUnconfirmed && Atomics.exchange(tables.peerWantsProbe, peerRow, 1) === 0) {
      putPlainEvent(this.events, EventKind.PROBE_WANTED, peerRow, NO_ROW, nowMs, 0, -1);
    }
    return kinds;
  }

  #sessionToSend(peerRow: number, nowMs: number): number {
    const tables = this.#tables;
    const session = Atomics.load(tables.peerCurrentSession, peerRow);
    const isLive = session !== NO_ROW && Atomics.load(tables.sessionState, session) === SessionState.LIVE;
    if (isLive && isFresh(tables, session, nowMs)) return session;
    if (Atomics.exchange(tables.peerWantsSession, peerRow, 1) === 0) {
      putPlainEvent(this.events, EventKind.SESSION_WANTED, peerRow, session, nowMs, 0, -1);
    }
    return NO_ROW;
  }

  #seal(peerRow: number, session: number, { content, ttl }: Outgoing, nowMs: number): void {
    const tables = this.#tables;
    const counter = Atomics.add(tables.sessionSendCounter, session, 1);
    const key = tables.sessionSendKey.slice(session * KEY_LEN, (session + 1) * KEY_LEN);
    const octets = new Uint8Array(TRANSPORT_OVERHEAD_LEN + content.length);
    const type = MessageType.NORMAL;
    writeTransportHeader(new DataView(octets.buffer), 0, type, ttl, tables.sessionRemoteIndex[session], counter);
    octets.set(this.#primitives.aeadSeal(key, nonceOf(counter), content, NOTHING), TRANSPORT_HEADER_LEN);
    tables.lastSentMs[peerRow] = nowMs;
    if (octets.length > KEEPALIVE_LEN) tables.lastDataSentMs[peerRow] = nowMs;
    tables.sentPackets[peerRow]++;
    tables.sentOctets[peerRow] += octets.length;
    for (const path of this.#pathsOf(peerRow, nowMs)) {
      const pathRow = peerRow * PATH_KIND_COUNT + path;
      tables.pathSentPackets[pathRow]++;
      tables.pathSentOctets[pathRow] += octets.length;
      const endpoint = tables.pathEndpoint.slice(pathRow * ENDPOINT_WORDS, (pathRow + 1) * ENDPOINT_WORDS);
      this.outgoing.push({ endpoint, octets, path, peerRow });
    }
  }

  #drop(reason: number): void {
    if (reason !== Reason.NONE) this.#tables.dropped[LANE * REASON_COUNT + reason]++;
  }
}

function isFresh(tables: Tables, session: number, nowMs: number): boolean {
  return nowMs - tables.sessionCreatedMs[session] < DEFAULT_TIMER_PARAMS.rejectAfterTimeMs;
}

function nonceOf(counter: number): Uint8Array {
  const nonce = new Uint8Array(NONCE_LEN);
  writeTransportNonce(new DataView(nonce.buffer), 0, counter);
  return nonce;
}
