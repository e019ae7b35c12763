/**
 * One request of a peer to us: the request comes in, is served once, and the answer goes out.
 *
 * ```text
 * RECEIVING ──last fragment: served──▶ ANSWERING ──all acknowledged, or cancelled──▶ over
 *     └── half a minute without progress ────┴── the same, or 10 s of silence once all is sent ──▶ over
 * ```
 *
 * Memory for what comes in is bounded for all peers together; see {@linkcode RequestMemory}.
 *
 * @module
 */

import { Reason } from "../base/reason.ts";
import type { DocumentReceiver, DocumentSender } from "./document_transfer.ts";

/** How long a transfer may get on no further, ms. */
export const TRANSFER_IDLE_MS = 30_000;
/** How long an answer that was sent to its end is kept while the peer says nothing, ms. */
export const ANSWER_HOLD_MS = 10_000;

/** Room for requests that come in, shared by all peers. */
export class RequestMemory {
  readonly #limit: number;
  #taken = 0;

  /** @param limit Octets. */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Octets that are taken. */
  get taken(): number {
    return this.#taken;
  }

  /** Tells whether there is room for so many octets. */
  hasRoom(octetCount: number): boolean {
    return this.#taken + octetCount <= this.#limit;
  }

  /** Takes so many octets, for which there is room. */
  take(octetCount: number): void {
    this.#taken += octetCount;
  }

  /** Gives them back. */
  give(octetCount: number): void {
    this.#taken -= octetCount;
  }
}

/** What a service needs of its surroundings. */
export interface ServiceLink {
  /** Sends a message to the peer. */
  send(message: Uint8Array, nowMs: number): void;
  /** Serves a request and returns what sends the answer. */
  serve(documentKind: number, id: number, payload: Uint8Array, nowMs: number): DocumentSender;
  readonly memory: RequestMemory;
}

/** A request of the peer that is under way. */
export class DocumentService {
  readonly id: number;
  readonly #link: ServiceLink;
  #receiver: DocumentReceiver | undefined;
  #sender: DocumentSender | undefined;
  #progressMs: number;
  /** When the peer last asked or acknowledged, new or not: it still wants the answer. */
  #heardMs = -Infinity;
  #isOver = false;
  #isSettled = false;

  /** @param receiver Of the request; the memory that it takes is counted. */
  constructor(receiver: DocumentReceiver, link: ServiceLink, nowMs: number) {
    this.id = receiver.head.id;
    this.#link = link;
    this.#receiver = receiver;
    this.#progressMs = nowMs;
    link.memory.take(receiver.bodyLen);
  }

  /** Whether nothing is left to be done. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** What sends the answer, once there is one. */
  get sender(): DocumentSender | undefined {
    return this.#sender;
  }

  /** Whether the peer has all that it wanted. */
  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** Takes in a fragment of the request. */
  handleRequest(view: DataView, offset: number, nowMs: number): number {
    this.#heardMs = nowMs;
    const receiver = this.#receiver;
    // The peer repeats it because no answer has arrived. That is repeated as well, at its own time.
    if (receiver === undefined) return Reason.NONE;
    const isNew = receiver.handleFragment(view, offset, nowMs);
    if (typeof isNew === "number") return isNew;
    if (isNew) this.#progressMs = nowMs;
    if (receiver.isComplete) return this.#serve(receiver, nowMs);
    if (receiver.ackAtMs <= nowMs) this.#link.send(receiver.createAck(), nowMs);
    return Reason.NONE;
  }

  /** The answer acknowledges the request. */
  #serve(receiver: DocumentReceiver, nowMs: number): number {
    const body = receiver.takeBody();
    this.#dropReceiver();
    if (body === undefined) {
      this.abandon();
      return Reason.DOCUMENT_MALFORMED;
    }
    const { documentKind, id } = receiver.head;
    this.#sender = this.#link.serve(documentKind, id, body.octets, nowMs);
    return Reason.NONE;
  }

  /** Takes in an ack of the answer. */
  handleAck(view: DataView, offset: number, nowMs: number): number {
    if (this.#sender === undefined) return Reason.DOCUMENT_UNEXPECTED;
    const count = this.#sender.handleAck(view, offset, nowMs);
    if (count < 0) return Reason.DOCUMENT_MALFORMED;
    if (count > 0) this.#progressMs = nowMs;
    this.#heardMs = nowMs;
    if (this.#sender.isComplete) this.handleCancel();
    return Reason.NONE;
  }

  /** The peer wants nothing more. */
  handleCancel(): void {
    this.#isSettled = true;
    this.abandon();
  }

  /** Does what is due. */
  handleTimeout(nowMs: number): void {
    if (nowMs >= this.#endMs()) this.abandon();
    else if (this.#receiver !== undefined && nowMs >= this.#receiver.ackAtMs) {
      this.#link.send(this.#receiver.createAck(), nowMs);
    }
  }

  /** Returns when {@linkcode DocumentService.handleTimeout} is to be called, ms. */
  pollTimeout(): number {
    return Math.min(this.#endMs(), this.#receiver?.ackAtMs ?? Infinity);
  }

  /** Drops what came in and what was to be sent. */
  abandon(): void {
    this.#isOver = true;
    this.#dropReceiver();
    this.#sender?.abandon();
  }

  #endMs(): number {
    const idleMs = this.#progressMs + TRANSFER_IDLE_MS;
    if (this.#sender?.isAllSent !== true) return idleMs;
    return Math.min(idleMs, Math.max(this.#progressMs, this.#heardMs) + ANSWER_HOLD_MS);
  }

  #dropReceiver(): void {
    if (this.#receiver !== undefined) this.#link.memory.give(this.#receiver.bodyLen);
    this.#receiver = undefined;
  }
}
