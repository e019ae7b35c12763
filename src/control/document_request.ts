/**
 * One request of ours to a peer: the request goes out, the answer comes in.
 *
 * ```text
 * REQUESTING ──first fragment of the answer──▶ RECEIVING ──last fragment──▶ over
 *      └── gone, or a minute without progress ──────┴──────────────────────▶ over, without an answer
 * ```
 *
 * @module
 */

import { Reason } from "../base/reason.ts";
import { DocumentMessageKind, readBodyLen, readStatus } from "../wire/document_message.ts";
import { readBody } from "./document_body.ts";
import { DocumentReceiver, DocumentSender } from "./document_transfer.ts";
import { DOCUMENT_LEN_MAX } from "./documents.ts";

/** How long a request waits while nothing gets on, ms. */
export const REQUEST_PATIENCE_MS = 60_000;
/** How long an answer that has begun is waited for before the last ack is sent again: it may have been lost, ms. */
export const REMINDER_MS = 2_000;

const STATUS_MIN = 100;
const STATUS_MAX = 599;

/** What became of a request: a status of HTTP, and a body that is decompressed already. */
export interface ReceivedAnswer {
  readonly status: number;
  readonly body: Uint8Array;
}

/** Called once a request; with `undefined` if there was no answer in time, or none that can be read. */
export type AnswerHandler = (answer: ReceivedAnswer | undefined, nowMs: number) => void;

/** What a request needs to send. */
export interface RequestLink {
  /** Sends a message to the peer. */
  send(message: Uint8Array, nowMs: number): void;
  /** Sends a notice about a request. @param kind `CANCEL` or `GONE`. */
  sendNotice(kind: number, documentKind: number, id: number, nowMs: number): void;
}

/** What a request consists of. */
export interface RequestParts {
  /** One of `DocumentKind`. */
  readonly documentKind: number;
  readonly id: number;
  /** Sends the request. */
  readonly sender: DocumentSender;
  readonly link: RequestLink;
  readonly onAnswer: AnswerHandler;
}

/** A request that is under way. */
export class DocumentRequest {
  readonly documentKind: number;
  readonly id: number;
  /** What sends the request. */
  readonly sender: DocumentSender;
  readonly onAnswer: AnswerHandler;
  readonly #link: RequestLink;
  #receiver: DocumentReceiver | undefined;
  #progressMs: number;
  #ackSentMs = 0;
  #isOver = false;
  #answer: ReceivedAnswer | undefined;

  constructor(parts: RequestParts, nowMs: number) {
    this.documentKind = parts.documentKind;
    this.id = parts.id;
    this.sender = parts.sender;
    this.onAnswer = parts.onAnswer;
    this.#link = parts.link;
    this.#progressMs = nowMs;
  }

  /** Whether nothing is waited for any more. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Once over: the answer, or `undefined` if there is none. */
  get answer(): ReceivedAnswer | undefined {
    return this.#answer;
  }

  /** Takes in an ack of the request. */
  handleAck(view: DataView, offset: number, nowMs: number): number {
    const count = this.sender.handleAck(view, offset, nowMs);
    if (count < 0) return Reason.DOCUMENT_MALFORMED;
    if (count > 0) this.#progressMs = nowMs;
    return Reason.NONE;
  }

  /** Takes in a fragment of the answer. */
  handleAnswer(view: DataView, offset: number, nowMs: number): number {
    if (this.#receiver === undefined) {
      const reason = checkAnswer(view, offset);
      if (reason !== Reason.NONE) return this.#cancel(reason, nowMs);
      this.sender.handleAllArrived(nowMs);
      this.sender.abandon();
      this.#receiver = new DocumentReceiver(view, offset);
      this.#ackSentMs = nowMs;
    }
    const receiver = this.#receiver;
    const isNew = receiver.handleFragment(view, offset, nowMs);
    if (typeof isNew === "number") return isNew;
    if (isNew) this.#progressMs = nowMs;
    if (receiver.ackAtMs <= nowMs) this.#acknowledge(receiver, nowMs);
    return receiver.isComplete ? this.#finish(receiver) : Reason.NONE;
  }

  #finish(receiver: DocumentReceiver): number {
    this.#isOver = true;
    const body = receiver.takeBody();
    if (body === undefined) return Reason.DOCUMENT_MALFORMED;
    const octets = readBody(body);
    if (typeof octets === "number") return octets;
    this.#answer = { status: receiver.head.status, body: octets };
    return Reason.NONE;
  }

  /** Does what is due. */
  handleTimeout(nowMs: number): void {
    if (nowMs >= this.#progressMs + REQUEST_PATIENCE_MS) {
      this.#cancel(Reason.NONE, nowMs);
    } else if (this.#receiver !== undefined && nowMs >= this.#ackDueMs(this.#receiver)) {
      this.#acknowledge(this.#receiver, nowMs);
    }
  }

  /** Returns when {@linkcode DocumentRequest.handleTimeout} is to be called, ms. */
  pollTimeout(): number {
    const patienceMs = this.#progressMs + REQUEST_PATIENCE_MS;
    return this.#receiver === undefined ? patienceMs : Math.min(patienceMs, this.#ackDueMs(this.#receiver));
  }

  /** Waits no longer, and tells nobody. */
  abandon(): void {
    this.#isOver = true;
    this.sender.abandon();
  }

  #ackDueMs(receiver: DocumentReceiver): number {
    return Math.min(receiver.ackAtMs, this.#ackSentMs + REMINDER_MS);
  }

  #acknowledge(receiver: DocumentReceiver, nowMs: number): void {
    this.#ackSentMs = nowMs;
    this.#link.send(receiver.createAck(), nowMs);
  }

  #cancel(reason: number, nowMs: number): number {
    this.abandon();
    this.#link.sendNotice(DocumentMessageKind.CANCEL, this.documentKind, this.id, nowMs);
    return reason;
  }
}

function checkAnswer(view: DataView, offset: number): number {
  const status = readStatus(view, offset);
  if (status < STATUS_MIN || status > STATUS_MAX) return Reason.DOCUMENT_MALFORMED;
  return readBodyLen(view, offset) > DOCUMENT_LEN_MAX ? Reason.DOCUMENT_TOO_LARGE : Reason.NONE;
}
