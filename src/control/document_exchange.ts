/**
 * Documents through the encrypted session, between an edge and a super of ours: requests, answers, and all that makes them
 * arrive over a path that loses, repeats and reorders.
 *
 * A request and its answer are each a body, cut into fragments of which one fits a message (`wire/document_message.ts`). The
 * receiver acknowledges selectively; the sender repeats what was lost, and has so much on its way as the path proved to
 * carry. Whatever is asked is served once, however often its fragments come. Documents are compressed if that makes them
 * shorter, and one document is shared by all transfers of it.
 *
 * | file | part |
 * | --- | --- |
 * | `document_peer.ts` | what goes on with one peer; which request is new, which one known, which one old |
 * | `document_request.ts` | a request of ours |
 * | `document_service.ts` | a request of a peer |
 * | `document_transfer.ts` | one body: sender, receiver |
 * | `document_window.ts` | how much is on its way, how long an acknowledgement may take |
 * | `document_body.ts` | compression, checksums |
 * | `deadline_queue.ts` | who is due |
 *
 * A super has a thousand edges and sends documents of 10 MB to all of them at once. So nothing here looks at all peers: each
 * has a deadline in a queue. Fragments go out only from {@linkcode DocumentExchange.handleTimeout}, a limited number in a
 * call, peer by peer; while there are more, {@linkcode DocumentExchange.pollTimeout} says so. A message that comes in has at
 * most one message as its immediate consequence.
 *
 * @module
 */

import type { RandomSource } from "../base/random.ts";
import { Reason } from "../base/reason.ts";
import { checkDocumentMessage, FRAGMENT_COUNT_MAX, FRAGMENT_HEADER_LEN } from "../wire/document_message.ts";
import { EG_HEADER_LEN } from "../wire/eg_header.ts";
import { BodyChecksums } from "./document_body.ts";
import { DocumentPeer, type DocumentPeerOptions } from "./document_peer.ts";
import type { AnswerHandler } from "./document_request.ts";
import { RequestMemory } from "./document_service.ts";
import { DeadlineQueue } from "./deadline_queue.ts";
import { DOCUMENT_LEN_MAX, type DocumentAnswer } from "./documents.ts";

/** Fragments that go out in one call of {@linkcode DocumentExchange.handleTimeout}: a quarter of the device's outbox. */
export const FRAGMENTS_PER_CALL = 256;
/** Fragments that go out to one peer in its turn. */
export const FRAGMENTS_PER_TURN = 16;
/** Peers that get a turn in one call. */
export const TURNS_PER_CALL = 64;
/** Room for requests that come in, for all peers together, in octets: as much as a report of each of a thousand edges takes. */
export const REQUEST_MEMORY_MAX = 64 * 1024 * 1024;
/** Least length of a fragment with which the longest document can be sent. */
const FRAGMENT_LEN_MIN = Math.ceil(DOCUMENT_LEN_MAX / FRAGMENT_COUNT_MAX);

/** What an exchange needs of its node. */
export interface DocumentExchangeOptions {
  /**
   * Sends a message of type `DOCUMENT`, without inner header. What can't be sent now is sent again later.
   *
   * @returns Whether it went out, or waits for a session.
   */
  send(peerRow: number, body: Uint8Array, nowMs: number): boolean;
  /** Serves a request, once. @param kind One of `DocumentKind`. @param payload At most 1 MiB; the callee's from then on. */
  serve(peerRow: number, kind: number, payload: Uint8Array, nowMs: number): DocumentAnswer;
  readonly random: RandomSource;
  /** Longest body of a message that every path to a peer carries, in octets. */
  readonly bodyLenMax: number;
}

/** All transfers of a node. */
export class DocumentExchange {
  readonly #options: DocumentPeerOptions;
  readonly #random: RandomSource;
  readonly #memory = new RequestMemory(REQUEST_MEMORY_MAX);
  readonly #peers = new Map<number, DocumentPeer>();
  readonly #deadlines = new DeadlineQueue();
  /** The last time that was given. */
  #nowMs = 0;

  /** @throws {RangeError} If messages are too short for the longest document. */
  constructor(options: DocumentExchangeOptions) {
    const fragmentLen = Math.min(options.bodyLenMax - FRAGMENT_HEADER_LEN, 0xffff);
    if (fragmentLen < FRAGMENT_LEN_MIN) {
      const least = FRAGMENT_LEN_MIN + FRAGMENT_HEADER_LEN;
      throw new RangeError(
        `Cannot exchange documents: bodyLenMax is ${options.bodyLenMax}, but must be at least ${least}`,
      );
    }
    this.#random = options.random;
    this.#options = {
      send: (peerRow, body, nowMs) => options.send(peerRow, body, nowMs),
      serve: (peerRow, kind, payload, nowMs) => options.serve(peerRow, kind, payload, nowMs),
      memory: this.#memory,
      checksums: new BodyChecksums(),
      fragmentLen,
    };
  }

  /** Octets of memory that requests which come in take at present; at most {@linkcode REQUEST_MEMORY_MAX}. */
  get requestMemoryLen(): number {
    return this.#memory.taken;
  }

  /**
   * Asks a peer for something.
   *
   * @param kind One of `DocumentKind`.
   * @param payload State token or report; must not change until the answer is there.
   * @param onAnswer Called once, never before this returns, with a body that is decompressed: or with `undefined` if for
   *   60 s nothing came, the peer was forgotten, or the answer can't be read. It may ask again at once.
   * @returns `false`, and `onAnswer` is not called, if a request of this kind to this peer is under way, or the payload is
   *   longer than the peer would take: 1 MiB for a report, else 1 KiB.
   */
  request(peerRow: number, kind: number, payload: Uint8Array, nowMs: number, onAnswer: AnswerHandler): boolean {
    this.#nowMs = nowMs;
    const peer = this.#peerAt(peerRow);
    const isBegun = peer.request(kind, payload, nowMs, onAnswer);
    this.#schedule(peerRow, peer);
    return isBegun;
  }

  /**
   * Takes in a message of type `DOCUMENT` of a peer. May call `serve`, or an `onAnswer`.
   *
   * @param content Inner header and body, padding included; read only during the call.
   * @returns `NONE`, or the reason for which it was dropped.
   */
  handleMessage(peerRow: number, content: Uint8Array, nowMs: number): number {
    const view = new DataView(content.buffer, content.byteOffset, content.length);
    const reason = checkDocumentMessage(view, EG_HEADER_LEN, content.length - EG_HEADER_LEN);
    if (reason !== Reason.NONE) return reason;
    this.#nowMs = nowMs;
    const peer = this.#peerAt(peerRow);
    const outcome = peer.handleMessage(view, EG_HEADER_LEN, nowMs);
    this.#schedule(peerRow, peer);
    return outcome;
  }

  /** Ends all transfers with a peer: it is gone, or begins anew. What we wait for from it is answered with `undefined`. */
  forgetPeer(peerRow: number, nowMs: number): void {
    this.#nowMs = nowMs;
    const peer = this.#peers.get(peerRow);
    this.#peers.delete(peerRow);
    this.#deadlines.set(peerRow, Infinity);
    peer?.forget(nowMs);
  }

  /** Does what is due, and sends fragments: as much as one turn of the owner can bear. */
  handleTimeout(nowMs: number): void {
    this.#nowMs = nowMs;
    let fragmentsLeft = FRAGMENTS_PER_CALL;
    for (let turns = 0; turns < TURNS_PER_CALL && fragmentsLeft > 0; turns++) {
      const row = this.#deadlines.takeDue(nowMs);
      if (row === undefined) return;
      const peer = this.#peerAt(row);
      peer.handleTimeout(nowMs);
      fragmentsLeft -= peer.transmit(Math.min(FRAGMENTS_PER_TURN, fragmentsLeft), nowMs);
      this.#schedule(row, peer);
    }
  }

  /** Returns when {@linkcode DocumentExchange.handleTimeout} is to be called, ms; `Infinity` if nothing is under way. */
  pollTimeout(): number {
    return this.#deadlines.nextMs;
  }

  /** Its own state is small, and there is one for each peer of the device at most. */
  #peerAt(peerRow: number): DocumentPeer {
    let peer = this.#peers.get(peerRow);
    if (peer === undefined) {
      peer = new DocumentPeer(peerRow, this.#random.uint32(), this.#options);
      this.#peers.set(peerRow, peer);
    }
    return peer;
  }

  /** Peers that have something to send come behind those that had it before. */
  #schedule(peerRow: number, peer: DocumentPeer): void {
    // An answer may have made its receiver forget the peer.
    if (this.#peers.get(peerRow) !== peer) return;
    this.#deadlines.set(peerRow, Math.max(peer.pollTimeout(), this.#nowMs));
  }
}
