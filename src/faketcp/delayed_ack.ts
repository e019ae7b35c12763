// No allocation per packet in this file.
/**
 * When a lane acknowledges what it received: with the next data, or else at the latest after 40 ms (RFC 9293 §3.8.6.3).
 *
 * A firewall shortens the life of a connection whose data stays unacknowledged, and a peer stops sending when its window
 * is full. So a pure acknowledgment goes out
 * - at the end of a burst, if an eighth of the window is unacknowledged, or the peer asked;
 * - otherwise {@linkcode ACK_DELAY_MS} after the data, unless a segment of any lane acknowledged it meanwhile.
 *
 * Rows wait in the order in which their data came, each once at most: what is due is always at the head.
 *
 * @module
 */

import { seqBefore, seqDistance } from "../wire/sequence.ts";
import { type ConnectionTable } from "./connection_table.ts";
import { type SegmentSender } from "./segment_sender.ts";

/** Longest time that data stays unacknowledged when nothing is sent, ms: that of Linux (`TCP_DELACK_MIN`). */
export const ACK_DELAY_MS = 40;
/** Least time between two answers to questions of one peer, ms. */
const ANSWER_INTERVAL_MS = 10;
/** Part of the window that may be unacknowledged, as a shift: an eighth. */
const URGENT_SHIFT = 3;

/** Why a row is in the list of what is acknowledged at the end of the burst. */
const Urgency = { NONE: 0, WINDOW: 1, ASKED: 2 } as const;

/** The acknowledgments that one lane owes. */
export class DelayedAcks {
  readonly #table: ConnectionTable;
  readonly #sender: SegmentSender;
  /** Rows that wait, a ring. */
  readonly #waiting: Int32Array;
  #first = 0;
  #waitingCount = 0;
  readonly #isWaiting: Uint8Array;
  /** By row, since when it waits, ms, and which acknowledgment number it owes. */
  readonly #sinceMs: Float64Array;
  readonly #owed: Uint32Array;
  readonly #urgent: Int32Array;
  #urgentCount = 0;
  readonly #urgency: Uint8Array;
  readonly #answeredMs: Float64Array;

  constructor(table: ConnectionTable, sender: SegmentSender) {
    const { capacity } = table;
    this.#table = table;
    this.#sender = sender;
    this.#waiting = new Int32Array(capacity);
    this.#isWaiting = new Uint8Array(capacity);
    this.#sinceMs = new Float64Array(capacity);
    this.#owed = new Uint32Array(capacity);
    this.#urgent = new Int32Array(capacity);
    this.#urgency = new Uint8Array(capacity);
    this.#answeredMs = new Float64Array(capacity).fill(-Infinity);
  }

  /** Notes that data arrived on a row, whose `rcvNxt` counts it. */
  noteData(row: number, nowMs: number): void {
    const { rcvNxt, ackSent, rcvWnd } = this.#table;
    const unacknowledged = seqDistance(rcvNxt[row], ackSent[row]);
    if (unacknowledged <= 0) return;
    if (unacknowledged >= rcvWnd[row] >>> URGENT_SHIFT) this.#hurry(row, Urgency.WINDOW);
    if (this.#isWaiting[row] === 0) this.#enqueue(row, nowMs);
  }

  /** Notes that the peer asks for an acknowledgment. */
  noteQuestion(row: number, nowMs: number): void {
    if (nowMs - this.#answeredMs[row] < ANSWER_INTERVAL_MS) return;
    this.#answeredMs[row] = nowMs;
    this.#hurry(row, Urgency.ASKED);
  }

  /** Sends what can't wait; called at the end of a burst. */
  endBurst(): void {
    for (let index = 0; index < this.#urgentCount; index++) {
      const row = this.#urgent[index];
      this.#sender.sendAck(row, this.#urgency[row] === Urgency.ASKED);
      this.#urgency[row] = Urgency.NONE;
    }
    this.#urgentCount = 0;
  }

  /** Sends what is due. Returns the milliseconds until the next is, `Infinity` if none waits. */
  service(nowMs: number): number {
    while (this.#waitingCount > 0) {
      const row = this.#waiting[this.#first];
      const leftMs = this.#sinceMs[row] + ACK_DELAY_MS - nowMs;
      if (leftMs > 0) return leftMs;
      this.#first = (this.#first + 1) % this.#waiting.length;
      this.#waitingCount--;
      this.#isWaiting[row] = 0;
      this.#settle(row, nowMs);
    }
    return Infinity;
  }

  /** Acknowledges what a row owes, unless another segment did. What came after that waits anew. */
  #settle(row: number, nowMs: number): void {
    const { rcvNxt, ackSent } = this.#table;
    const sent = ackSent[row];
    if (seqBefore(sent, this.#owed[row])) this.#sender.sendAck(row, false);
    else if (seqBefore(sent, rcvNxt[row])) this.#enqueue(row, nowMs);
  }

  #enqueue(row: number, nowMs: number): void {
    this.#waiting[(this.#first + this.#waitingCount++) % this.#waiting.length] = row;
    this.#isWaiting[row] = 1;
    this.#sinceMs[row] = nowMs;
    this.#owed[row] = this.#table.rcvNxt[row];
  }

  #hurry(row: number, urgency: number): void {
    if (this.#urgency[row] === Urgency.NONE) this.#urgent[this.#urgentCount++] = row;
    if (urgency > this.#urgency[row]) this.#urgency[row] = urgency;
  }
}
