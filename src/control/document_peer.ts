/**
 * What goes on with one peer: our requests to it, its requests to us, at most one of each document kind either way.
 *
 * Ids make sure that a request is served once. A requester counts them up from a random number, so of a kind the latest
 * is known: the same again is the transfer under way, or one that is over; one that lies a little behind is an old message;
 * any other is a new request, and takes the place of what its requester has given up.
 *
 * @module
 */

import { Reason } from "../base/reason.ts";
import {
  DOCUMENT_NOTICE_LEN,
  DocumentEncoding,
  DocumentMessageKind,
  readBodyLen,
  readDocumentKind,
  readDocumentMessageKind,
  readEncoding,
  readRequestId,
  writeDocumentNotice,
} from "../wire/document_message.ts";
import { type Body, type BodyChecksums, bodyOf } from "./document_body.ts";
import { type AnswerHandler, DocumentRequest } from "./document_request.ts";
import { DocumentService, type RequestMemory } from "./document_service.ts";
import { DocumentReceiver, DocumentSender } from "./document_transfer.ts";
import { DocumentWindow } from "./document_window.ts";
import { DOCUMENT_LEN_MAX, type DocumentAnswer, DocumentKind, DocumentStatus } from "./documents.ts";

/** Longest report that is taken in, in octets. */
export const REPORT_LEN_MAX = 1024 * 1024;
/** Longest request of another kind: a state token, and room for more, in octets. */
export const REQUEST_LEN_MAX = 1024;
/** Ids so little behind the latest are old messages. A requester that begins anew hits them once in four million times. */
const OLD_IDS = 1024;

const KIND_MAX = DocumentKind.REPORT;

/** What the peers of an exchange have in common. */
export interface DocumentPeerOptions {
  send(peerRow: number, body: Uint8Array, nowMs: number): boolean;
  serve(peerRow: number, kind: number, payload: Uint8Array, nowMs: number): DocumentAnswer;
  readonly memory: RequestMemory;
  readonly checksums: BodyChecksums;
  /** Octets of a body that a message of ours carries. */
  readonly fragmentLen: number;
}

/** A request of the peer that is over. */
interface PastService {
  readonly id: number;
  /** Whether the peer has all that it wanted. */
  readonly isSettled: boolean;
}

/** Returns how long a request may be, in octets. */
export function requestLenMax(documentKind: number): number {
  return documentKind === DocumentKind.REPORT ? REPORT_LEN_MAX : REQUEST_LEN_MAX;
}

/** The transfers with one peer. */
export class DocumentPeer {
  readonly #row: number;
  readonly #options: DocumentPeerOptions;
  readonly #window = new DocumentWindow();
  #nextId: number;
  // Each indexed by document kind.
  readonly #requests = new Array<DocumentRequest | undefined>(KIND_MAX + 1).fill(undefined);
  readonly #services = new Array<DocumentService | undefined>(KIND_MAX + 1).fill(undefined);
  readonly #past = new Array<PastService | undefined>(KIND_MAX + 1).fill(undefined);
  /** Which of the senders comes first: they take turns. */
  #turn = 0;

  /** @param firstId Of our requests: random. */
  constructor(row: number, firstId: number, options: DocumentPeerOptions) {
    this.#row = row;
    this.#nextId = firstId;
    this.#options = options;
  }

  /** Begins a request, unless one of its kind is under way or it is too long: then it returns `false`. */
  request(documentKind: number, payload: Uint8Array, nowMs: number, onAnswer: AnswerHandler): boolean {
    if (this.#requests[documentKind] !== undefined || payload.length > requestLenMax(documentKind)) return false;
    const id = this.#nextId;
    this.#nextId = (this.#nextId + 1) >>> 0;
    const body = { octets: payload, encoding: DocumentEncoding.PLAIN };
    const sender = this.#createSender(DocumentMessageKind.REQUEST, documentKind, id, 0, body);
    this.#requests[documentKind] = new DocumentRequest({ documentKind, id, sender, link: this, onAnswer }, nowMs);
    return true;
  }

  /**
   * Takes a message in.
   *
   * @param view Holds a message at `offset`, which was checked.
   * @returns `NONE`, or the reason for which it is dropped.
   */
  handleMessage(view: DataView, offset: number, nowMs: number): number {
    const documentKind = readDocumentKind(view, offset);
    if (documentKind < DocumentKind.PARAMETERS || documentKind > KIND_MAX) return Reason.USAGE_UNKNOWN;
    switch (readDocumentMessageKind(view, offset)) {
      case DocumentMessageKind.REQUEST:
        return this.#handleRequest(view, offset, documentKind, nowMs);
      case DocumentMessageKind.ANSWER_ACK:
      case DocumentMessageKind.CANCEL:
        return this.#handleAnswerAck(view, offset, documentKind, nowMs);
      default:
        return this.#handleReply(view, offset, documentKind, nowMs);
    }
  }

  #handleRequest(view: DataView, offset: number, documentKind: number, nowMs: number): number {
    const id = readRequestId(view, offset);
    let service = this.#services[documentKind];
    const past = this.#past[documentKind];
    if (service?.id !== id) {
      if (past?.id === id) return this.#refusePast(past, documentKind, nowMs);
      if (isOld(id, service?.id) || isOld(id, past?.id)) return Reason.DOCUMENT_UNEXPECTED;
      const reason = this.#checkRequest(view, offset, documentKind, id, nowMs);
      if (reason !== Reason.NONE) return reason;
      this.#endService(documentKind);
      service = new DocumentService(new DocumentReceiver(view, offset), this, nowMs);
      this.#services[documentKind] = service;
    }
    const reason = service.handleRequest(view, offset, nowMs);
    if (service.isOver) this.#endService(documentKind);
    return reason;
  }

  #checkRequest(view: DataView, offset: number, documentKind: number, id: number, nowMs: number): number {
    const bodyLen = readBodyLen(view, offset);
    if (bodyLen > requestLenMax(documentKind)) {
      const refusal = { status: DocumentStatus.TOO_LARGE, document: undefined };
      // Nothing is kept of it: the same request is refused again.
      this.send(this.#createAnswer(documentKind, id, refusal).createMessage(0), nowMs);
      return Reason.DOCUMENT_TOO_LARGE;
    }
    if (readEncoding(view, offset) !== DocumentEncoding.PLAIN) return Reason.DOCUMENT_MALFORMED;
    // The requester repeats it until there is room.
    return this.#options.memory.hasRoom(bodyLen) ? Reason.NONE : Reason.RATE_LIMITED;
  }

  #refusePast(past: PastService, documentKind: number, nowMs: number): number {
    if (!past.isSettled) this.sendNotice(DocumentMessageKind.GONE, documentKind, past.id, nowMs);
    return Reason.DOCUMENT_UNEXPECTED;
  }

  #handleAnswerAck(view: DataView, offset: number, documentKind: number, nowMs: number): number {
    const id = readRequestId(view, offset);
    const service = this.#services[documentKind];
    const isCancel = readDocumentMessageKind(view, offset) === DocumentMessageKind.CANCEL;
    if (service?.id !== id) {
      const isSettled = this.#past[documentKind]?.id === id && this.#past[documentKind]?.isSettled === true;
      if (!isCancel && !isSettled) this.sendNotice(DocumentMessageKind.GONE, documentKind, id, nowMs);
      return Reason.DOCUMENT_UNEXPECTED;
    }
    let reason: number = Reason.NONE;
    if (isCancel) service.handleCancel();
    else reason = service.handleAck(view, offset, nowMs);
    if (service.isOver) this.#endService(documentKind);
    this.#findLost();
    return reason;
  }

  #handleReply(view: DataView, offset: number, documentKind: number, nowMs: number): number {
    const kind = readDocumentMessageKind(view, offset);
    const id = readRequestId(view, offset);
    const request = this.#requests[documentKind];
    if (request === undefined || request.id !== id) {
      if (kind === DocumentMessageKind.ANSWER) this.sendNotice(DocumentMessageKind.CANCEL, documentKind, id, nowMs);
      return Reason.DOCUMENT_UNEXPECTED;
    }
    let reason: number = Reason.NONE;
    if (kind === DocumentMessageKind.ANSWER) reason = request.handleAnswer(view, offset, nowMs);
    else if (kind === DocumentMessageKind.REQUEST_ACK) reason = request.handleAck(view, offset, nowMs);
    else request.abandon();
    this.#findLost();
    this.#endRequest(request, nowMs);
    return reason;
  }

  /** Sends fragments, at most so many, as far as the window lets it. Returns how many it sent. */
  transmit(limit: number, nowMs: number): number {
    const senders = this.#senders();
    let count = 0;
    while (count < limit && this.#window.hasRoom) {
      const sender = this.#nextSender(senders);
      if (sender === undefined) break;
      this.send(sender.transmit(nowMs), nowMs);
      count++;
    }
    return count;
  }

  #nextSender(senders: readonly DocumentSender[]): DocumentSender | undefined {
    for (let tries = 0; tries < senders.length; tries++) {
      const sender = senders[this.#turn++ % senders.length];
      if (sender.isWaiting) return sender;
    }
    return undefined;
  }

  /** Does what is due, but sends no fragments. */
  handleTimeout(nowMs: number): void {
    if (nowMs >= this.#window.deadlineMs) {
      for (const sender of this.#senders()) sender.handleTimeout();
      this.#window.onTimeout(nowMs);
    }
    for (const [documentKind, service] of this.#services.entries()) {
      if (service === undefined) continue;
      service.handleTimeout(nowMs);
      if (service.isOver) this.#endService(documentKind);
    }
    for (const request of this.#requests) {
      request?.handleTimeout(nowMs);
      if (request !== undefined) this.#endRequest(request, nowMs);
    }
  }

  /** Returns when something is due, ms: −Infinity for at once, because there is something to be sent. */
  pollTimeout(): number {
    if (this.#window.hasRoom && this.#senders().some((sender) => sender.isWaiting)) return -Infinity;
    let next = this.#window.deadlineMs;
    for (const service of this.#services) if (service !== undefined) next = Math.min(next, service.pollTimeout());
    for (const request of this.#requests) if (request !== undefined) next = Math.min(next, request.pollTimeout());
    return next;
  }

  /** Ends everything. Whoever waits for an answer is told that there will be none. */
  forget(nowMs: number): void {
    for (const documentKind of this.#services.keys()) this.#endService(documentKind);
    for (const request of this.#requests) {
      if (request === undefined) continue;
      request.abandon();
      this.#endRequest(request, nowMs);
    }
  }

  /** Sends a message. One that can't be sent is one that was lost. */
  send(message: Uint8Array, nowMs: number): void {
    this.#options.send(this.#row, message, nowMs);
  }

  /** Sends a notice about a request. @param kind `CANCEL` or `GONE`. */
  sendNotice(kind: number, documentKind: number, id: number, nowMs: number): void {
    const message = new Uint8Array(DOCUMENT_NOTICE_LEN);
    writeDocumentNotice(new DataView(message.buffer), 0, kind, documentKind, id);
    this.send(message, nowMs);
  }

  /** Serves a request and returns what sends the answer. */
  serve(documentKind: number, id: number, payload: Uint8Array, nowMs: number): DocumentSender {
    return this.#createAnswer(documentKind, id, this.#options.serve(this.#row, documentKind, payload, nowMs));
  }

  /** Room for requests that come in. */
  get memory(): RequestMemory {
    return this.#options.memory;
  }

  #createAnswer(documentKind: number, id: number, answer: DocumentAnswer): DocumentSender {
    const isTooLong = (answer.document?.plain.length ?? 0) > DOCUMENT_LEN_MAX;
    const status = isTooLong ? DocumentStatus.TOO_LARGE : answer.status;
    const body = bodyOf(isTooLong ? undefined : answer.document, this.#options.fragmentLen);
    return this.#createSender(DocumentMessageKind.ANSWER, documentKind, id, status, body);
  }

  #createSender(messageKind: number, documentKind: number, id: number, status: number, body: Body): DocumentSender {
    const { fragmentLen, checksums } = this.#options;
    const checksum = checksums.of(body.octets);
    return new DocumentSender(
      { messageKind, documentKind, id, status, checksum, fragmentLen },
      body,
      this.#window,
    );
  }

  /** What has arrived of one transfer tells what was lost of the others, too. */
  #findLost(): void {
    for (const sender of this.#senders()) sender.findLost();
  }

  #senders(): DocumentSender[] {
    const senders: DocumentSender[] = [];
    for (const request of this.#requests) if (request !== undefined) senders.push(request.sender);
    for (const service of this.#services) if (service?.sender !== undefined) senders.push(service.sender);
    return senders;
  }

  #endService(documentKind: number): void {
    const service = this.#services[documentKind];
    if (service === undefined) return;
    if (!service.isOver) service.abandon();
    this.#services[documentKind] = undefined;
    this.#past[documentKind] = { id: service.id, isSettled: service.isSettled };
  }

  #endRequest(request: DocumentRequest, nowMs: number): void {
    if (!request.isOver || this.#requests[request.documentKind] !== request) return;
    // Before anybody is told, who may ask for the same at once.
    this.#requests[request.documentKind] = undefined;
    request.onAnswer(request.answer, nowMs);
  }
}

function isOld(id: number, latestId: number | undefined): boolean {
  const age = latestId === undefined ? 0 : (latestId - id) >>> 0;
  return age > 0 && age <= OLD_IDS;
}
