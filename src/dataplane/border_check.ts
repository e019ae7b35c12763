// No allocation per packet in this file.
/**
 * Finds out whether somebody on the way re-cuts a FakeTCP stream.
 *
 * A super-segment is cut by the sender's network card at the borders of datagrams, and merged again by the receiver's
 * kernel at the same borders. A machine in between that takes TCP at its word may cut anywhere: then whole bursts of
 * datagrams fail to authenticate. Single forged or damaged segments do so too, so a verdict needs several bursts in a row
 * of which nothing came through. Facts: `faketcp.md` §3.
 *
 * @module
 */

import { DATAGRAM_BURST_MAX } from "../conn/bind.ts";

/** Merged segments in a row, none of which held anything authentic, that make a verdict. */
const MERGED_FAILURES = 4;
/** Single segments in a row. More, because these are what others can forge. */
const SINGLE_FAILURES = 16;

/** What is wrong with a connection. */
export const BorderVerdict = {
  NONE: 0,
  /** Merged segments come with wrong borders. */
  MERGED: 1,
  /** Nothing comes as it was sent: a TCP proxy stands in the path. */
  ALL: 2,
} as const;

/** Counts, for one lane, what came through on each connection. */
export class BorderCheck {
  /** Per message of the burst: datagrams in it, and those that were authentic. */
  readonly #pieces = new Uint16Array(DATAGRAM_BURST_MAX);
  readonly #authentic = new Uint16Array(DATAGRAM_BURST_MAX);
  /** By connection row: failures in a row. */
  readonly #merged: Uint16Array;
  readonly #single: Uint16Array;

  /** @param connections Rows of the connection table. */
  constructor(connections: number) {
    this.#merged = new Uint16Array(connections);
    this.#single = new Uint16Array(connections);
  }

  /** Notes how many datagrams message `message` of the burst seems to hold. */
  begin(message: number, pieces: number): void {
    this.#pieces[message] = pieces;
    this.#authentic[message] = 0;
  }

  /** Notes that a datagram of a message was authentic. */
  noteAuthentic(message: number): void {
    this.#authentic[message]++;
  }

  /**
   * Judges a message after all its datagrams were opened.
   *
   * @param connection Row of the connection that it came on.
   * @returns A {@linkcode BorderVerdict}: again after as many failures more.
   */
  judge(message: number, connection: number): number {
    if (this.#authentic[message] > 0) {
      // One authentic datagram at its beginning proves nothing about the borders behind it.
      if (this.#pieces[message] === 1) this.#single[connection] = 0;
      else if (this.#authentic[message] > 1) this.#merged[connection] = 0;
      return BorderVerdict.NONE;
    }
    if (this.#pieces[message] > 1) {
      this.#merged[connection]++;
      if (this.#merged[connection] < MERGED_FAILURES) return BorderVerdict.NONE;
      this.#merged[connection] = 0;
      return BorderVerdict.MERGED;
    }
    this.#single[connection]++;
    if (this.#single[connection] < SINGLE_FAILURES) return BorderVerdict.NONE;
    this.#single[connection] = 0;
    return BorderVerdict.ALL;
  }
}
