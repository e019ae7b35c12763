// No allocation per packet in this file.
/**
 * Frames and messages that are passed on for others, sealed anew for the next hop.
 *
 * What is too long for the next path is cut or fragmented, or its sender is told, as by a router. Source: `behaviour.md` §1.2.
 *
 * @module
 */

import { BROADCAST_NODE_ID, type NodeId } from "../base/node_id.ts";
import { Reason } from "../base/reason.ts";
import { EG_HEADER_LEN } from "../wire/eg_header.ts";
import { ETHERNET_ADDRESSES_LEN } from "../wire/ethernet.ts";
import { MessageType } from "../wire/message_type.ts";
import { readTtl, TRANSPORT_HEADER_LEN } from "../wire/transport_message.ts";
import { FrameFitter } from "./fit_frame.ts";
import { type LaneContext } from "./lane_context.ts";
import { clampMss } from "./mss_clamp.ts";
import { frameLimitTo, NO_FRAME_LIMIT } from "./path_limit.ts";
import { type Sealer } from "./seal.ts";
import { PieceList } from "./split.ts";
import { type Staging } from "./staging.ts";
import { lowestPeer, NO_ROW, NO_ROW_16, Setting } from "./tables.ts";
import { ANSWER_FRAME_AT, createAnswerLimit } from "./too_big.ts";

/** Pieces of one relayed frame at most. */
const PIECES_MAX = 128;

/** Passes on what one lane receives for others. */
export class Relay {
  readonly #context: LaneContext;
  readonly #sealer: Sealer;
  readonly #staging: Staging;
  readonly #octets: Uint8Array;
  readonly #view: DataView;
  readonly #fitter: FrameFitter;
  readonly #pieces = new PieceList(PIECES_MAX);
  readonly #answers = createAnswerLimit();

  /**
   * @param octets The buffer that opened messages lie in.
   * @param identification Random, different for each lane: of the first packet to be fragmented.
   */
  constructor(
    context: LaneContext,
    sealer: Sealer,
    staging: Staging,
    octets: Uint8Array,
    view: DataView,
    identification: number,
  ) {
    this.#context = context;
    this.#sealer = sealer;
    this.#staging = staging;
    this.#octets = octets;
    this.#view = view;
    this.#fitter = new FrameFitter(identification);
  }

  /** Lets a SYN in a frame from a node offer no longer segments than the path back to that node carries. */
  clampTowards(source: NodeId, frameAt: number, frameLen: number): void {
    const limit = this.#limitTowards(source);
    if (limit !== NO_FRAME_LIMIT) clampMss(this.#view, frameAt, frameLen, limit, false);
  }

  /** Passes on a message that lies at `at` to the next hop of a node. */
  relayUnicast(
    fromPeer: number,
    type: number,
    at: number,
    contentLen: number,
    destination: NodeId,
    source: NodeId,
  ): void {
    const context = this.#context;
    const toPeer = context.tables.nextHopPeer[destination];
    if (toPeer === NO_ROW_16) return context.drop(Reason.NO_ROUTE);
    if (toPeer === fromPeer) return context.drop(Reason.ROUTE_BACK);
    const ttl = this.#ttlToRelay(type, at, contentLen);
    if (ttl >= 0) this.#relayTo(toPeer, type, ttl, at, contentLen, destination, source);
  }

  /** Passes on a broadcast to the neighbours that get it through us. */
  relayBroadcast(fromPeer: number, type: number, at: number, contentLen: number, source: NodeId): void {
    const { tables } = this.#context;
    const slot = tables.relaySlot[source];
    if (slot === NO_ROW_16) return;
    let ttl = -1;
    for (let word = 0; word < tables.peerBitmapWords; word++) {
      for (let bits = tables.relayPeers[slot * tables.peerBitmapWords + word]; bits !== 0; bits &= bits - 1) {
        const toPeer = lowestPeer(word, bits);
        if (toPeer === fromPeer) continue;
        if (ttl < 0) ttl = this.#ttlToRelay(type, at, contentLen);
        if (ttl < 0) return;
        this.#relayTo(toPeer, type, ttl, at, contentLen, BROADCAST_NODE_ID, source);
      }
    }
  }

  /** Returns the TTL to relay a message with, or −1 after counting why it isn't relayed. */
  #ttlToRelay(type: number, at: number, contentLen: number): number {
    const context = this.#context;
    const ttl = readTtl(this.#view, at);
    let reason: number = Reason.NONE;
    if (context.tables.settings[Setting.DISABLE_RELAY] !== 0) reason = Reason.RELAY_DISABLED;
    else if (ttl === 0) reason = Reason.TTL_EXPIRED;
    else if (type === MessageType.NORMAL && contentLen - EG_HEADER_LEN <= ETHERNET_ADDRESSES_LEN) {
      reason = Reason.FRAME_TRUNCATED;
    }
    if (reason === Reason.NONE) return ttl - 1;
    context.drop(reason);
    return -1;
  }

  #relayTo(
    peerRow: number,
    type: number,
    ttl: number,
    at: number,
    contentLen: number,
    destination: NodeId,
    source: NodeId,
  ): void {
    const frameAt = at + TRANSPORT_HEADER_LEN + EG_HEADER_LEN;
    const frameLen = contentLen - EG_HEADER_LEN;
    const limit = type === MessageType.NORMAL ? frameLimitTo(this.#context.tables, peerRow) : NO_FRAME_LIMIT;
    if (frameLen > limit) return this.#relayTooLong(peerRow, ttl, frameAt, frameLen, limit, destination, source);
    if (type === MessageType.NORMAL) this.#clampBothWays(source, frameAt, frameLen, limit);
    this.#send(peerRow, type, ttl, destination, source, this.#octets, 0, 0, this.#octets, frameAt, frameLen, 0, 0);
  }

  /** A SYN may not offer more than both the path onward and the path back carry. */
  #clampBothWays(source: NodeId, frameAt: number, frameLen: number, limit: number): void {
    const both = Math.min(limit, this.#limitTowards(source));
    if (both !== NO_FRAME_LIMIT) clampMss(this.#view, frameAt, frameLen, both, false);
  }

  #relayTooLong(
    peerRow: number,
    ttl: number,
    frameAt: number,
    frameLen: number,
    limit: number,
    destination: NodeId,
    source: NodeId,
  ): void {
    const pieces = this.#pieces;
    pieces.clear();
    const rows = this.#fitter.fitPlainFrame(this.#octets, this.#view, frameAt, frameLen, limit, pieces);
    if (rows <= 0) {
      this.#context.drop(rows === 0 ? Reason.PATH_OVERSIZED : -rows);
      if (destination !== BROADCAST_NODE_ID) this.#answer(destination, source);
      return;
    }
    this.#sealer.begin(pieces.headers, this.#octets);
    for (let row = 0; row < pieces.count; row++) {
      this.#send(
        peerRow,
        MessageType.NORMAL,
        ttl,
        destination,
        source,
        pieces.headers,
        pieces.headerAt[row],
        pieces.headerLen[row],
        this.#octets,
        pieces.payloadAt[row],
        pieces.payloadLen[row],
        pieces.csumStart[row],
        pieces.csumOffset[row],
      );
    }
    this.#sealer.begin(this.#octets, this.#octets);
  }

  /** Sends back how long packets may be. It bears the destination's NodeId, behind which its source address lives. */
  #answer(destination: NodeId, source: NodeId): void {
    const context = this.#context;
    const { answer } = this.#fitter;
    const peerRow = context.tables.nextHopPeer[source];
    if (answer.length === 0 || peerRow === NO_ROW_16 || !this.#answers.take(context.nowMs)) return;
    const { octets, length } = answer;
    const ttl = context.tables.settings[Setting.DEFAULT_TTL];
    this.#sealer.begin(octets, octets);
    const { NORMAL } = MessageType;
    this.#send(peerRow, NORMAL, ttl, source, destination, octets, 0, 0, octets, ANSWER_FRAME_AT, length, 0, 0);
    this.#sealer.begin(this.#octets, this.#octets);
  }

  /** Seals one piece, or lets it wait for a session. Arguments as in {@linkcode Staging.put}. */
  #send(
    peerRow: number,
    type: number,
    ttl: number,
    destination: NodeId,
    source: NodeId,
    headers: Uint8Array,
    headerAt: number,
    headerLen: number,
    octets: Uint8Array,
    payloadAt: number,
    payloadLen: number,
    csumStart: number,
    csumOffset: number,
  ): void {
    const context = this.#context;
    if (context.refreshPaths(peerRow) === 0) return context.drop(Reason.NO_ENDPOINT);
    const session = context.sessionToSend(peerRow);
    const counter = session === NO_ROW ? NO_ROW : this.#sealer.reserve(session, 1);
    if (counter === NO_ROW) {
      this.#staging.put(
        peerRow,
        type,
        ttl,
        destination,
        source,
        headers,
        headerAt,
        headerLen,
        octets,
        payloadAt,
        payloadLen,
        csumStart,
        csumOffset,
      );
      return;
    }
    this.#sealer.add(
      peerRow,
      session,
      counter,
      type,
      ttl,
      destination,
      source,
      headerAt,
      headerLen,
      payloadAt,
      payloadLen,
      csumStart,
      csumOffset,
    );
  }

  #limitTowards(node: NodeId): number {
    const { tables } = this.#context;
    const peerRow = tables.nextHopPeer[node];
    return peerRow === NO_ROW_16 ? NO_FRAME_LIMIT : frameLimitTo(tables, peerRow);
  }
}
