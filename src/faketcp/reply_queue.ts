/**
 * Segments that answer without a connection: resets and SYN cookies, waiting to be sent.
 *
 * @module
 */

import { SEGMENT_HEADER_MAX } from "./packet.ts";

/** Replies that may wait. What comes when all are taken is dropped: whoever needs an answer asks again. */
export const REPLY_MAX = 64;

/** A ring of short packets in memory of fixed size. */
export class ReplyQueue {
  readonly #octets = new Uint8Array(REPLY_MAX * SEGMENT_HEADER_MAX);
  readonly #view = new DataView(this.#octets.buffer);
  readonly #lengths = new Uint8Array(REPLY_MAX);
  #first = 0;
  #count = 0;

  /** Tells whether nothing waits. */
  isEmpty(): boolean {
    return this.#count === 0;
  }

  /**
   * Lets a function write a packet of at most `SEGMENT_HEADER_MAX` octets at an offset of the ring's memory; it returns the
   * length. Does nothing if the ring is full.
   */
  add(write: (view: DataView, offset: number) => number): void {
    if (this.#count === REPLY_MAX) return;
    const slot = (this.#first + this.#count) % REPLY_MAX;
    this.#lengths[slot] = write(this.#view, slot * SEGMENT_HEADER_MAX);
    this.#count++;
  }

  /** Moves the oldest packet to the beginning of `out` and returns its length; 0 if none waits. */
  take(out: Uint8Array): number {
    if (this.#count === 0) return 0;
    const at = this.#first * SEGMENT_HEADER_MAX;
    const length = this.#lengths[this.#first];
    out.set(this.#octets.subarray(at, at + length));
    this.#first = (this.#first + 1) % REPLY_MAX;
    this.#count--;
    return length;
  }
}
