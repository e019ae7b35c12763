// No allocation per packet in this file.
/**
 * From frame to datagram: the path of what the local host sends.
 *
 * 1. a burst of frames and super-frames is read from the tap;
 * 2. the destination address names a node: by the L2 FIB, or everybody (group address, unknown address);
 * 3. the next-hop table names the peer, or for everybody the peers;
 * 4. the frame is split into pieces that fit the path, or its sender is told how long they may be;
 * 5. each piece gets a counter of the peer's session and is sealed and sent; without a session it waits.
 *
 * @module
 */

import { BROADCAST_NODE_ID, type NodeId } from "../base/node_id.ts";
import { Reason } from "../base/reason.ts";
import { WRITE_FRAME_WORDS, WRITE_PIECE_WORDS } from "../ffi/symbols.ts";
import { l2fibLookup } from "../route/l2fib.ts";
import { createFrameBurst, FRAME_BURST_MAX, type TapDevice } from "../tap/device.ts";
import { ETHERNET_ADDRESSES_LEN, isGroupAddress } from "../wire/ethernet.ts";
import { MessageType } from "../wire/message_type.ts";
import { FrameFitter } from "./fit_frame.ts";
import { type LaneContext } from "./lane_context.ts";
import { frameLimitTo, NO_FRAME_LIMIT } from "./path_limit.ts";
import { type Sealer } from "./seal.ts";
import { PieceList } from "./split.ts";
import { type Staging } from "./staging.ts";
import { L2FIB_ENTRIES, lowestPeer, NO_ROW, NO_ROW_16, Setting } from "./tables.ts";
import { ANSWER_FRAME_AT, createAnswerLimit } from "./too_big.ts";

/** Pieces that one burst may be split into; a super-frame of 64 KiB has 180 at an MTU of 400. */
const PIECES_MAX = 2048;

/** The way from the tap to the sealer, for one lane. */
export class Outbound {
  readonly #context: LaneContext;
  readonly #tap: TapDevice;
  readonly #sealer: Sealer;
  readonly #staging: Staging;
  readonly #l2fibSeed: number;
  readonly #burst = createFrameBurst();
  readonly #pieces = new PieceList(PIECES_MAX);
  readonly #fitter: FrameFitter;
  readonly #answers = createAnswerLimit();
  /** The one frame, without pieces, that an answer is written as; see {@linkcode TapDevice.writeBurst}. */
  readonly #answerFrame = new Uint32Array(WRITE_FRAME_WORDS);
  readonly #noPieces = new Uint32Array(WRITE_PIECE_WORDS);
  readonly #answerResult = new Int32Array(1);

  /** @param identification Random, different for each lane: of the first packet to be fragmented. */
  constructor(
    context: LaneContext,
    tap: TapDevice,
    sealer: Sealer,
    staging: Staging,
    l2fibSeed: number,
    identification: number,
  ) {
    this.#context = context;
    this.#tap = tap;
    this.#sealer = sealer;
    this.#staging = staging;
    this.#l2fibSeed = l2fibSeed;
    this.#fitter = new FrameFitter(identification);
  }

  /**
   * Handles one burst.
   *
   * @returns Whether more may be waiting: 1, or 0, or the negative error number of the tap.
   */
  turn(): number {
    const burst = this.#burst;
    const count = this.#tap.readBurst(burst);
    if (count <= 0) return count;
    this.#pieces.clear();
    this.#sealer.begin(this.#pieces.headers, burst.octets);
    for (let index = 0; index < count; index++) this.#handleFrame(burst.frames[index * 2], burst.frames[index * 2 + 1]);
    this.#sealer.flush();
    return count === FRAME_BURST_MAX || burst.frames[count * 2 - 1] > 4096 ? 1 : 0;
  }

  #handleFrame(frameAt: number, frameLen: number): void {
    const context = this.#context;
    if (frameLen <= ETHERNET_ADDRESSES_LEN) return context.drop(Reason.FRAME_TRUNCATED);
    const { view } = this.#burst;
    const isGroup = isGroupAddress(view, frameAt);
    const known = isGroup ? NO_ROW : l2fibLookup(
      context.tables.l2fib,
      L2FIB_ENTRIES,
      this.#l2fibSeed,
      view.getUint32(frameAt),
      view.getUint16(frameAt + 4),
    );
    const destination = known === NO_ROW ? BROADCAST_NODE_ID : known;
    const peerRow = destination === BROADCAST_NODE_ID ? NO_ROW_16 : context.tables.nextHopPeer[destination];
    if (destination !== BROADCAST_NODE_ID && peerRow === NO_ROW_16) return context.drop(Reason.NO_ROUTE);

    const limit = destination === BROADCAST_NODE_ID ? this.#limitToAll() : frameLimitTo(context.tables, peerRow);
    const first = this.#split(frameAt, frameLen, limit);
    if (first < 0) return;
    if (destination !== BROADCAST_NODE_ID) return this.#send(peerRow, destination, first);
    this.#sendToAll(first);
  }

  /** Returns the length of the longest frame that reaches everybody who gets our broadcasts. */
  #limitToAll(): number {
    const { tables } = this.#context;
    const { broadcastPeers, peerBitmapWords } = tables;
    let limit = NO_FRAME_LIMIT;
    for (let word = 0; word < peerBitmapWords; word++) {
      for (let bits = broadcastPeers[word]; bits !== 0; bits &= bits - 1) {
        limit = Math.min(limit, frameLimitTo(tables, lowestPeer(word, bits)));
      }
    }
    return limit;
  }

  /** Splits a frame into pieces that fit; returns the first of its rows in the list, or −1 if it was dropped. */
  #split(frameAt: number, frameLen: number, limit: number): number {
    const pieces = this.#pieces;
    const { octets, view } = this.#burst;
    let rows = this.#fitter.fitTapFrame(octets, view, frameAt, frameLen, limit, pieces);
    if (rows === 0) {
      this.#sealer.flush();
      pieces.clear();
      rows = this.#fitter.fitTapFrame(octets, view, frameAt, frameLen, limit, pieces);
    }
    if (rows > 0) return pieces.count - rows;
    this.#context.drop(rows === 0 ? Reason.FRAME_OFFLOAD : -rows);
    this.#answerSender();
    return NO_ROW;
  }

  /** Tells the sender of a frame that was too long how long its packets may be, as a router would. */
  #answerSender(): void {
    const { answer } = this.#fitter;
    if (answer.length === 0 || !this.#answers.take(this.#context.nowMs)) return;
    this.#answerFrame[1] = ANSWER_FRAME_AT + answer.length;
    this.#tap.writeBurst(answer.octets, answer.octets, this.#answerFrame, this.#noPieces, 1, this.#answerResult);
  }

  #sendToAll(first: number): void {
    const { broadcastPeers, peerBitmapWords } = this.#context.tables;
    for (let word = 0; word < peerBitmapWords; word++) {
      for (let bits = broadcastPeers[word]; bits !== 0; bits &= bits - 1) {
        this.#send(lowestPeer(word, bits), BROADCAST_NODE_ID, first);
      }
    }
  }

  /** Sends the pieces from row `first` on to one peer. */
  #send(peerRow: number, destination: NodeId, first: number): void {
    const context = this.#context;
    const pieces = this.#pieces;
    const { selfNodeId } = context;
    const ttl = context.tables.settings[Setting.DEFAULT_TTL];
    if (context.refreshPaths(peerRow) === 0) return context.drop(Reason.NO_ENDPOINT, pieces.count - first);
    const session = context.sessionToSend(peerRow);
    if (session === NO_ROW) return this.#stage(peerRow, ttl, destination, first);
    let counter = this.#sealer.reserve(session, pieces.count - first);
    if (counter < 0) return this.#stage(peerRow, ttl, destination, first);
    for (let row = first; row < pieces.count; row++) {
      this.#sealer.add(
        peerRow,
        session,
        counter++,
        MessageType.NORMAL,
        ttl,
        destination,
        selfNodeId,
        pieces.headerAt[row],
        pieces.headerLen[row],
        pieces.payloadAt[row],
        pieces.payloadLen[row],
        pieces.csumStart[row],
        pieces.csumOffset[row],
      );
    }
  }

  #stage(peerRow: number, ttl: number, destination: NodeId, first: number): void {
    const pieces = this.#pieces;
    for (let row = first; row < pieces.count; row++) {
      this.#staging.put(
        peerRow,
        MessageType.NORMAL,
        ttl,
        destination,
        this.#context.selfNodeId,
        pieces.headers,
        pieces.headerAt[row],
        pieces.headerLen[row],
        this.#burst.octets,
        pieces.payloadAt[row],
        pieces.payloadLen[row],
        pieces.csumStart[row],
        pieces.csumOffset[row],
      );
    }
  }
}
