/**
 * One body on its way to a peer: the sender's side and the receiver's.
 *
 * A sender keeps no more about its fragments than fits a ring of {@linkcode ACK_BITS}: it never runs further ahead of the
 * first fragment that isn't acknowledged, and so an acknowledgement tells everything (the selective acknowledgement of
 * RFC 2018 without its gaps). How much it may have on its way, and what counts as lost, the {@linkcode DocumentWindow} decides.
 *
 * @module
 */

import { crc32 } from "node:zlib";
import { Reason } from "../base/reason.ts";
import {
  ACK_BITS,
  DOCUMENT_ACK_LEN,
  DocumentMessageKind,
  FRAGMENT_HEADER_LEN,
  fragmentCount,
  readAckBit,
  readBodyLen,
  readChecksum,
  readDocumentKind,
  readDocumentMessageKind,
  readEncoding,
  readFragmentIndex,
  readFragmentLen,
  readNextIndex,
  readPayloadLen,
  readRequestId,
  readStatus,
  setAckBit,
  writeDocumentAck,
  writeFragmentHeader,
} from "../wire/document_message.ts";
import type { Body } from "./document_body.ts";
import type { AckEvidence, DocumentWindow } from "./document_window.ts";

/** How long a fragment that came in order waits to be acknowledged together with the next one, ms. */
export const ACK_DELAY_MS = 20;
/** Fragments that are acknowledged together. */
const FRAGMENTS_PER_ACK = 2;

/** What all fragments of a transfer say alike. */
export interface TransferHead {
  /** `REQUEST` or `ANSWER` of {@linkcode DocumentMessageKind}. */
  readonly messageKind: number;
  readonly documentKind: number;
  readonly id: number;
  /** Of an answer; 0 of a request. */
  readonly status: number;
  /** CRC-32 of the body. */
  readonly checksum: number;
  /** Octets of each fragment but the last. */
  readonly fragmentLen: number;
}

const FragmentState = { NOT_SENT: 0, ON_ITS_WAY: 1, LOST: 2, ARRIVED: 3 } as const;

/** Sends one body. */
export class DocumentSender {
  readonly #head: TransferHead;
  readonly #body: Body;
  readonly #window: DocumentWindow;
  readonly #count: number;
  /** The first fragment that isn't acknowledged. */
  #next = 0;
  /** The first that was never sent. */
  #end = 0;
  #lostCount = 0;
  // Rings, indexed by the lower bits of the fragment's number.
  readonly #states = new Uint8Array(ACK_BITS);
  readonly #sentMs = new Float64Array(ACK_BITS);
  /** Number of the last transmission. */
  readonly #numbers = new Float64Array(ACK_BITS);
  readonly #isRepeated = new Uint8Array(ACK_BITS);

  /** @param body Its octets are not copied, and must not change. */
  constructor(head: TransferHead, body: Body, window: DocumentWindow) {
    this.#head = head;
    this.#body = body;
    this.#window = window;
    this.#count = fragmentCount(body.octets.length, head.fragmentLen);
  }

  /** Whether the peer has acknowledged everything. */
  get isComplete(): boolean {
    return this.#next === this.#count;
  }

  /** Whether everything was sent at least once. */
  get isAllSent(): boolean {
    return this.#end === this.#count;
  }

  /** Whether there is a fragment to be sent, if the window lets it. */
  get isWaiting(): boolean {
    return this.#lostCount > 0 || (this.#end < this.#count && this.#end < this.#next + ACK_BITS);
  }

  /** Returns the next message to be sent; to be called only while {@linkcode DocumentSender.isWaiting}. */
  transmit(nowMs: number): Uint8Array {
    const isRepeated = this.#lostCount > 0;
    const index = isRepeated ? this.#firstLost() : this.#end++;
    if (isRepeated) this.#lostCount--;
    const slot = slotOf(index);
    this.#states[slot] = FragmentState.ON_ITS_WAY;
    this.#sentMs[slot] = nowMs;
    this.#numbers[slot] = this.#window.onSent(nowMs);
    this.#isRepeated[slot] = isRepeated ? 1 : 0;
    return this.createMessage(index);
  }

  #firstLost(): number {
    let index = this.#next;
    while (this.#states[slotOf(index)] !== FragmentState.LOST) index++;
    return index;
  }

  /** Returns the message that carries a fragment, whatever became of that fragment. */
  createMessage(index: number): Uint8Array {
    const { messageKind, documentKind, id, checksum, fragmentLen, status } = this.#head;
    const { octets, encoding } = this.#body;
    const payload = octets.subarray(index * fragmentLen, (index + 1) * fragmentLen);
    const message = new Uint8Array(FRAGMENT_HEADER_LEN + payload.length);
    writeFragmentHeader(
      new DataView(message.buffer),
      0,
      messageKind,
      documentKind,
      encoding,
      id,
      octets.length,
      checksum,
      fragmentLen,
      index,
      status,
    );
    message.set(payload, FRAGMENT_HEADER_LEN);
    return message;
  }

  /**
   * Takes in an ack that was checked and bears our id.
   *
   * @returns How many fragments it newly acknowledged; below 0 if it acknowledges what was never sent.
   */
  handleAck(view: DataView, offset: number, nowMs: number): number {
    const next = readNextIndex(view, offset);
    if (next > this.#end) return -1;
    for (let bit = Math.max(0, this.#end - next - 1); bit < ACK_BITS; bit++) {
      if (readAckBit(view, offset, bit)) return -1;
    }
    const evidence = noEvidence();
    for (let index = this.#next; index < next; index++) this.#handleArrival(index, evidence);
    for (let index = Math.max(this.#next, next + 1); index < this.#end; index++) {
      const bit = index - next - 1;
      if (bit < ACK_BITS && readAckBit(view, offset, bit)) this.#handleArrival(index, evidence);
    }
    return this.#conclude(evidence, nowMs);
  }

  /** What comes back shows that all has arrived. Returns how many fragments weren't acknowledged before. */
  handleAllArrived(nowMs: number): number {
    const evidence = noEvidence();
    for (let index = this.#next; index < this.#end; index++) this.#handleArrival(index, evidence);
    return this.#conclude(evidence, nowMs);
  }

  #handleArrival(index: number, evidence: AckEvidence): void {
    const slot = slotOf(index);
    const state = this.#states[slot];
    if (state === FragmentState.ARRIVED) return;
    this.#states[slot] = FragmentState.ARRIVED;
    if (state === FragmentState.LOST) this.#lostCount--;
    else this.#window.onLeft();
    evidence.count++;
    if (this.#numbers[slot] <= evidence.number) return;
    evidence.number = this.#numbers[slot];
    evidence.sentMs = this.#sentMs[slot];
    evidence.isOnly = this.#isRepeated[slot] === 0;
  }

  #conclude(evidence: AckEvidence, nowMs: number): number {
    if (evidence.count > 0) this.#window.onAcknowledged(evidence, nowMs);
    while (this.#next < this.#end && this.#states[slotOf(this.#next)] === FragmentState.ARRIVED) {
      this.#states[slotOf(this.#next++)] = FragmentState.NOT_SENT;
    }
    return evidence.count;
  }

  /** Finds out what was lost by what has arrived: to be called for all transfers to the peer after each ack of one. */
  findLost(): void {
    for (let index = this.#next; index < this.#end; index++) {
      const slot = slotOf(index);
      const number = this.#numbers[slot];
      if (this.#states[slot] !== FragmentState.ON_ITS_WAY || !this.#window.isLost(number)) continue;
      this.#window.onLost(number);
      this.#lose(slot);
    }
  }

  /** Nothing arrived in time: all that is on its way is lost. */
  handleTimeout(): void {
    for (let index = this.#next; index < this.#end; index++) {
      const slot = slotOf(index);
      if (this.#states[slot] === FragmentState.ON_ITS_WAY) this.#lose(slot);
    }
  }

  #lose(slot: number): void {
    this.#states[slot] = FragmentState.LOST;
    this.#lostCount++;
    this.#window.onLeft();
  }

  /** Gives up: what is on its way doesn't matter any more. */
  abandon(): void {
    this.handleTimeout();
    this.#lostCount = 0;
    this.#next = this.#end = this.#count;
  }
}

/** Receives one body. */
export class DocumentReceiver {
  readonly head: TransferHead;
  readonly #body: Body;
  readonly #count: number;
  /** The first fragment that is missing. */
  #next = 0;
  /** Ring of the fragments behind it that are there, indexed by the lower bits of the fragment's number. */
  readonly #isThere = new Uint8Array(ACK_BITS);
  #thereCount = 0;
  #notAcknowledged = 0;
  #ackAtMs = Infinity;

  /**
   * Makes room for a body.
   *
   * @param view Holds a fragment of it at `offset`, which was checked, and whose body isn't too long.
   */
  constructor(view: DataView, offset: number) {
    this.head = {
      messageKind: readDocumentMessageKind(view, offset),
      documentKind: readDocumentKind(view, offset),
      id: readRequestId(view, offset),
      status: readStatus(view, offset),
      checksum: readChecksum(view, offset),
      fragmentLen: readFragmentLen(view, offset),
    };
    const bodyLen = readBodyLen(view, offset);
    this.#body = { octets: new Uint8Array(bodyLen), encoding: readEncoding(view, offset) };
    this.#count = fragmentCount(bodyLen, this.head.fragmentLen);
  }

  /** Octets of memory that the body takes. */
  get bodyLen(): number {
    return this.#body.octets.length;
  }

  /** Whether all fragments are there. */
  get isComplete(): boolean {
    return this.#next === this.#count;
  }

  /** When an ack is due, ms; `Infinity` if nothing waits for one. */
  get ackAtMs(): number {
    return this.#ackAtMs;
  }

  /** The body, once complete; `undefined` if it isn't the one that its checksum was made of. */
  takeBody(): Body | undefined {
    return crc32(this.#body.octets) === this.head.checksum ? this.#body : undefined;
  }

  /**
   * Takes a fragment in.
   *
   * @param view Holds a fragment at `offset` that was checked and bears our id.
   * @returns Whether it is new, or the reason for which it is dropped.
   */
  handleFragment(view: DataView, offset: number, nowMs: number): boolean | number {
    if (!this.#isOfThisBody(view, offset)) return Reason.DOCUMENT_MALFORMED;
    const index = readFragmentIndex(view, offset);
    if (index >= this.#next + ACK_BITS) return Reason.DOCUMENT_UNEXPECTED;
    if (index < this.#next || this.#isThere[slotOf(index)] !== 0) {
      // The acknowledgement was lost, or it wasn't waited for.
      this.#ackAtMs = nowMs;
      return false;
    }
    const payload = new Uint8Array(
      view.buffer,
      view.byteOffset + offset + FRAGMENT_HEADER_LEN,
      readPayloadLen(view, offset),
    );
    this.#body.octets.set(payload, index * this.head.fragmentLen);
    this.#note(index, nowMs);
    return true;
  }

  #isOfThisBody(view: DataView, offset: number): boolean {
    const { fragmentLen, checksum, status } = this.head;
    return readBodyLen(view, offset) === this.#body.octets.length && readFragmentLen(view, offset) === fragmentLen &&
      readChecksum(view, offset) === checksum && readStatus(view, offset) === status &&
      readEncoding(view, offset) === this.#body.encoding;
  }

  #note(index: number, nowMs: number): void {
    const isInOrder = index === this.#next;
    this.#isThere[slotOf(index)] = 1;
    this.#thereCount++;
    while (this.#isThere[slotOf(this.#next)] !== 0) {
      this.#isThere[slotOf(this.#next++)] = 0;
      this.#thereCount--;
    }
    this.#notAcknowledged++;
    // A gap is told at once, so that it is filled soon; RFC 5681 §4.2.
    const isUrgent = !isInOrder || this.#thereCount > 0 || this.#notAcknowledged >= FRAGMENTS_PER_ACK ||
      this.isComplete;
    this.#ackAtMs = Math.min(this.#ackAtMs, isUrgent ? nowMs : nowMs + ACK_DELAY_MS);
  }

  /** Returns the message that says what is there. */
  createAck(): Uint8Array {
    this.#notAcknowledged = 0;
    this.#ackAtMs = Infinity;
    const { messageKind, documentKind, id } = this.head;
    const isRequest = messageKind === DocumentMessageKind.REQUEST;
    const kind = isRequest ? DocumentMessageKind.REQUEST_ACK : DocumentMessageKind.ANSWER_ACK;
    const message = new Uint8Array(DOCUMENT_ACK_LEN);
    const view = new DataView(message.buffer);
    writeDocumentAck(view, 0, kind, documentKind, id, this.#next);
    for (let bit = 0; this.#thereCount > 0 && bit < ACK_BITS - 1; bit++) {
      if (this.#isThere[slotOf(this.#next + 1 + bit)] !== 0) setAckBit(view, 0, bit);
    }
    return message;
  }
}

function noEvidence(): AckEvidence {
  return { count: 0, number: -1, sentMs: 0, isOnly: false };
}

function slotOf(index: number): number {
  return index & (ACK_BITS - 1);
}
