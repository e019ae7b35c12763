// No allocation per packet in this file.
/**
 * From datagram to frame: the path of what peers send.
 *
 * 1. a burst of messages is received, each one datagram or a run of them;
 * 2. handshake messages go to the control thread once MAC1 has proved that the sender knows our public key;
 * 3. transport messages are opened together, and their counters checked;
 * 4. who sent it is noted: time, amount, address, first use of new keys;
 * 5. by the inner header a frame is relayed, delivered, or both (`behaviour.md` §1.2); control messages go to the control
 *    thread;
 * 6. frames for the local host are merged to super-frames and written to the tap.
 *
 * @module
 */

import { ENDPOINT_CONNECTION } from "../base/endpoint.ts";
import { BROADCAST_NODE_ID, INVALID_NODE_ID, type NodeId, SPREAD_NODE_ID, SUPER_NODE_ID } from "../base/node_id.ts";
import { PATH_KIND_COUNT, pathKindOf, Transport } from "../base/path_kind.ts";
import { Reason } from "../base/reason.ts";
import { type Bind, createDatagramBurst, SLOTTED_BURST_MAX } from "../conn/bind.ts";
import { RECEIVED_AT, RECEIVED_ENDPOINT, RECEIVED_WORDS } from "../ffi/symbols.ts";
import { type Shim } from "../ffi/shim.ts";
import { checkEgContent, EG_HEADER_LEN, readDestination, readSource } from "../wire/eg_header.ts";
import { ETHERNET_ADDRESSES_LEN } from "../wire/ethernet.ts";
import { checkHandshake, mac1Offset } from "../wire/handshake_message.ts";
import { FIRST_TRANSPORT_TYPE, isKnownUsage, isNeighbourUsage, MessageType } from "../wire/message_type.ts";
import {
  KEEPALIVE_LEN,
  MIN_DATAGRAM_LEN,
  readTtl,
  readType,
  TRANSPORT_HEADER_LEN,
  TRANSPORT_OVERHEAD_LEN,
} from "../wire/transport_message.ts";
import { BorderCheck, BorderVerdict } from "./border_check.ts";
import { EventKind, EVENTS_BEFORE_HANDSHAKE_MAX } from "./events.ts";
import { type LaneContext } from "./lane_context.ts";
import { OPEN_BURST_MAX, Opener } from "./open.ts";
import { Relay } from "./relay.ts";
import { type Sealer } from "./seal.ts";
import { type Staging } from "./staging.ts";
import { NO_ROW, PeerState, SessionState } from "./tables.ts";
import { type TapWriter } from "./tap_writer.ts";

/** Length of the all-zero datagram that reference nodes send on a standby path (`wire.md` §9.3). */
const STANDBY_PROBE_LEN = 32;
/** Cookie replies have no MAC1, so anybody can make one: this many a second reach the control thread. */
const COOKIE_REPLIES_PER_SECOND = 64;

/** The way from the binds to the tap, for one lane. */
export class Inbound implements Disposable {
  readonly #context: LaneContext;
  readonly #sealer: Sealer;
  readonly #relay: Relay;
  readonly #tapWriter: TapWriter;
  readonly #shim: Shim;
  readonly #burst = createDatagramBurst();
  readonly #opener: Opener;
  readonly #borders: BorderCheck;
  readonly #mac1 = new Uint8Array(8);
  /** Transport of the bind whose burst is being handled. */
  #transport: number = Transport.UDP;
  #cookieReplySecond = 0;
  #cookieReplies = 0;
  #confirmedSession: number = NO_ROW;

  /**
   * @param identification Random, different for each lane: of the first packet to be fragmented.
   * @param connections Rows of the table of FakeTCP connections, 0 without FakeTCP.
   * @param mac1Key Key that proves knowledge of our public key, 32 octets.
   * @param makeTapWriter Makes the way to the tap for frames that lie in the given buffer.
   */
  constructor(
    context: LaneContext,
    sealer: Sealer,
    staging: Staging,
    identification: number,
    connections: number,
    mac1Key: Uint8Array<ArrayBuffer>,
    shim: Shim,
    makeTapWriter: (octets: Uint8Array) => TapWriter,
  ) {
    this.#context = context;
    this.#sealer = sealer;
    this.#shim = shim;
    this.#tapWriter = makeTapWriter(this.#burst.octets);
    this.#relay = new Relay(context, sealer, staging, this.#burst.octets, this.#burst.view, identification);
    this.#borders = new BorderCheck(connections);
    this.#opener = new Opener(context, this.#burst.octets, this.#burst.view, shim);
    shim.check("make MAC1 context", "BLAKE2s", shim.symbols.eg_mac_set(this.#mac1, 0, mac1Key));
  }

  /**
   * Handles one burst of a bind.
   *
   * @returns Whether more may be waiting: 1, or 0, or the negative error number of the bind.
   */
  turn(bind: Bind): number {
    const { received } = this.#burst;
    const count = bind.receiveBurst(this.#burst);
    if (count <= 0) return count;
    this.#transport = bind.transport;
    this.#sealer.begin(this.#burst.octets, this.#burst.octets);
    for (let message = 0; message < count; message++) {
      const word = message * RECEIVED_WORDS;
      if (received[word + 2] !== 0) this.#context.drop(Reason.DATAGRAM_OVERSIZED);
      else this.#takeApart(message, received[word], received[word + 1]);
    }
    this.#processOpened();
    if (bind.transport === Transport.FAKETCP) this.#judgeBorders(count);
    return count >= SLOTTED_BURST_MAX ? 1 : 0;
  }

  /** Zeroes keys whose sessions are gone. */
  sweep(): void {
    this.#opener.sweep();
  }

  [Symbol.dispose](): void {
    this.#opener[Symbol.dispose]();
    this.#shim.symbols.eg_mac_clear(this.#mac1, 0);
  }

  /** Takes a received message apart into its datagrams. */
  #takeApart(message: number, length: number, segment: number): void {
    const start = this.#burst.received[message * RECEIVED_WORDS + RECEIVED_AT];
    const step = segment === 0 ? length : segment;
    this.#borders.begin(message, Math.ceil(length / Math.max(step, 1)));
    for (let offset = 0; offset < length; offset += step) {
      this.#admit(start + offset, Math.min(step, length - offset), message);
    }
    if (length === 0) this.#context.drop(Reason.DATAGRAM_TRUNCATED);
  }

  /** Returns the kind of the path that a message came on. */
  #pathOf(message: number): number {
    return pathKindOf(this.#transport, this.#burst.received[message * RECEIVED_WORDS + RECEIVED_ENDPOINT]);
  }

  #admit(at: number, length: number, message: number): void {
    if (length < MIN_DATAGRAM_LEN) return this.#context.drop(Reason.DATAGRAM_TRUNCATED);
    if (readType(this.#burst.view, at) < FIRST_TRANSPORT_TYPE && length !== KEEPALIVE_LEN) {
      return this.#takeHandshake(at, length, message);
    }
    if (this.#opener.count === OPEN_BURST_MAX) this.#processOpened();
    this.#opener.admit(at, length, message);
  }

  #takeHandshake(at: number, length: number, message: number): void {
    const context = this.#context;
    const { octets, received } = this.#burst;
    const reason = checkHandshake(octets, at, length);
    if (reason !== Reason.NONE) {
      return context.drop(length === STANDBY_PROBE_LEN ? Reason.STANDBY_PROBE : reason);
    }
    if (context.events.size >= EVENTS_BEFORE_HANDSHAKE_MAX) return context.drop(Reason.HANDSHAKE_OVERLOAD);
    if (octets[at] === MessageType.COOKIE_REPLY) {
      if (!this.#mayTakeCookieReply()) return context.drop(Reason.HANDSHAKE_RATE);
    } else {
      const covered = mac1Offset(octets[at]);
      if (this.#shim.symbols.eg_mac_verify(this.#mac1, 0, octets, at, covered, at + covered) !== 1) {
        return context.drop(Reason.HANDSHAKE_MAC1);
      }
    }
    const endpointAt = message * RECEIVED_WORDS + RECEIVED_ENDPOINT;
    const path = this.#pathOf(message);
    this.#borders.noteAuthentic(message);
    if (!context.notifyWith(EventKind.HANDSHAKE, NO_ROW, NO_ROW, 0, path, received, endpointAt, octets, at, length)) {
      context.drop(Reason.HANDSHAKE_OVERLOAD);
    }
  }

  #mayTakeCookieReply(): boolean {
    const { nowSeconds } = this.#context;
    if (nowSeconds !== this.#cookieReplySecond) {
      this.#cookieReplySecond = nowSeconds;
      this.#cookieReplies = 0;
    }
    return ++this.#cookieReplies <= COOKIE_REPLIES_PER_SECOND;
  }

  /** Opens what was admitted, handles each message that was accepted, in order, and sends and writes what that yields. */
  #processOpened(): void {
    const opener = this.#opener;
    if (opener.count === 0) return;
    opener.open();
    this.#confirmedSession = NO_ROW;
    for (let index = 0; index < opener.count; index++) {
      if (opener.isAuthentic(index)) this.#borders.noteAuthentic(opener.messages[index]);
      if (opener.isAccepted(index)) this.#handleMessage(index);
    }
    this.#sealer.flush();
    this.#tapWriter.flush();
    opener.clear();
  }

  /** Looks, after a burst of FakeTCP, whether datagrams come as they were sent, and tells the control thread if not. */
  #judgeBorders(count: number): void {
    const { received } = this.#burst;
    for (let message = 0; message < count; message++) {
      const endpointAt = message * RECEIVED_WORDS + RECEIVED_ENDPOINT;
      const connection = received[endpointAt + ENDPOINT_CONNECTION] - 1;
      if (connection < 0) continue;
      const verdict = this.#borders.judge(message, connection);
      if (verdict === BorderVerdict.NONE) continue;
      const path = this.#pathOf(message);
      const { octets } = this.#burst;
      this.#context.notifyWith(
        EventKind.BORDER_LOSS,
        NO_ROW,
        NO_ROW,
        verdict,
        path,
        received,
        endpointAt,
        octets,
        0,
        0,
      );
    }
  }

  #handleMessage(index: number): void {
    const context = this.#context;
    const opener = this.#opener;
    const session = opener.sessions[index];
    const peerRow = context.tables.sessionPeer[session];
    if (peerRow < 0) return context.drop(Reason.SESSION_UNKNOWN);
    const contentLen = opener.contentLength(index);
    this.#noteReceived(peerRow, session, contentLen, opener.messages[index]);
    if (contentLen === 0) return;
    const reason = checkEgContent(contentLen);
    if (reason !== Reason.NONE) return context.drop(reason);
    this.#route(index, peerRow, opener.at(index), contentLen);
  }

  /** Notes that the peer is there, from where, and that it has the keys. */
  #noteReceived(peerRow: number, session: number, contentLen: number, message: number): void {
    const context = this.#context;
    const { tables, nowMs } = context;
    const activity = context.activityAt + peerRow;
    tables.lastReceivedMs[activity] = nowMs;
    if (contentLen > 0) tables.lastDataReceivedMs[activity] = nowMs;
    tables.receivedPackets[activity]++;
    tables.receivedOctets[activity] += contentLen + TRANSPORT_OVERHEAD_LEN;
    const kind = this.#pathOf(message);
    const path = context.pathActivityAt + peerRow * PATH_KIND_COUNT + kind;
    tables.pathReceivedMs[path] = nowMs;
    tables.pathReceivedPackets[path]++;
    tables.pathReceivedOctets[path] += contentLen + TRANSPORT_OVERHEAD_LEN;
    context.noteSource(peerRow, kind, session, this.#burst.received, message * RECEIVED_WORDS + RECEIVED_ENDPOINT);
    if (tables.sessionState[session] === SessionState.NEXT && session !== this.#confirmedSession) {
      // What the ring had no room for is reported again with the next message.
      if (context.noteConfirmed(peerRow, session, kind)) this.#confirmedSession = session;
    }
  }

  /** Decides what becomes of a message: relay, control, delivery, in this order. */
  #route(index: number, peerRow: number, at: number, contentLen: number): void {
    const context = this.#context;
    const { octets, view } = this.#burst;
    const type = readType(view, at);
    const isForNeighbour = isNeighbourUsage(type);
    if (!isForNeighbour && !isKnownUsage(type)) return context.drop(Reason.USAGE_UNKNOWN);
    const contentAt = at + TRANSPORT_HEADER_LEN;
    const destination = readDestination(octets, contentAt);
    const source = readSource(octets, contentAt);
    const fromSuper = context.tables.peerState[peerRow] === PeerState.SUPER;
    if (source === context.selfNodeId) return context.drop(Reason.OWN_SOURCE);
    if (type === MessageType.SERVER_UPDATE && !fromSuper) return context.drop(Reason.USAGE_FORBIDDEN);
    if (isForNeighbour) {
      if (destination !== context.selfNodeId) return context.drop(Reason.USAGE_FORBIDDEN);
      return this.#tellControl(type, peerRow, index, at, contentLen);
    }
    if (context.selfNodeId === SUPER_NODE_ID) {
      // A super node hears edges, and forwards nothing.
      const isMeant = destination === SUPER_NODE_ID && (type === MessageType.REGISTER || type === MessageType.PONG);
      if (!isMeant) return context.drop(Reason.USAGE_FORBIDDEN);
      return this.#tellControl(type, peerRow, index, at, contentLen);
    }

    switch (destination) {
      case context.selfNodeId:
        break;
      case BROADCAST_NODE_ID:
        this.#relay.relayBroadcast(peerRow, type, at, contentLen, source);
        break;
      case SPREAD_NODE_ID:
        if (type === MessageType.SERVER_UPDATE) return context.drop(Reason.USAGE_FORBIDDEN);
        // Rare control messages: the control thread filters duplicates, relays and processes.
        this.#tellControl(type, peerRow, index, at, contentLen);
        if (type === MessageType.NORMAL) this.#deliver(index, contentAt, contentLen, source);
        return;
      case SUPER_NODE_ID:
        if (type !== MessageType.SERVER_UPDATE) return context.drop(Reason.USAGE_FORBIDDEN);
        break;
      case INVALID_NODE_ID:
        return context.drop(Reason.NO_ROUTE);
      default:
        return this.#relay.relayUnicast(peerRow, type, at, contentLen, destination, source);
    }
    if (type === MessageType.NORMAL) return this.#deliver(index, contentAt, contentLen, source);
    const isMisdirected = type === MessageType.SERVER_UPDATE && destination === BROADCAST_NODE_ID;
    if (type === MessageType.REGISTER || isMisdirected) return context.drop(Reason.USAGE_FORBIDDEN);
    this.#tellControl(type, peerRow, index, at, contentLen);
  }

  #tellControl(type: number, peerRow: number, index: number, at: number, contentLen: number): void {
    const context = this.#context;
    const { octets, view, received } = this.#burst;
    const endpointAt = this.#opener.messages[index] * RECEIVED_WORDS + RECEIVED_ENDPOINT;
    const number = type | (readTtl(view, at) << 8);
    const session = this.#opener.sessions[index];
    const contentAt = at + TRANSPORT_HEADER_LEN;
    const taken = context.notifyWith(
      EventKind.MESSAGE,
      peerRow,
      session,
      number,
      this.#pathOf(this.#opener.messages[index]),
      received,
      endpointAt,
      octets,
      contentAt,
      contentLen,
    );
    if (!taken) context.drop(Reason.EVENT_OVERFLOW);
  }

  #deliver(index: number, contentAt: number, contentLen: number, source: NodeId): void {
    const frameLen = contentLen - EG_HEADER_LEN;
    if (frameLen <= ETHERNET_ADDRESSES_LEN) return this.#context.drop(Reason.FRAME_TRUNCATED);
    const frameAt = contentAt + EG_HEADER_LEN;
    this.#relay.clampTowards(source, frameAt, frameLen);
    this.#tapWriter.push(frameAt, frameLen, this.#opener.frameSum(index), source);
  }
}
