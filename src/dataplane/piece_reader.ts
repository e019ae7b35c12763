// No allocation per packet in this file.
/**
 * One frame of a list of pieces, as whoever looks into it or cuts it once more sees it.
 *
 * @module
 */

import { type PieceList } from "./split.ts";

const NOTHING = new Uint8Array(0);

/** One record, pointed at one row after another. */
export class PieceReader {
  /** The buffer in which the headers lie: the list's, or that of the payload. */
  headers: Uint8Array = NOTHING;
  /** The same octets. */
  headerView: DataView = new DataView(NOTHING.buffer);
  /** Where in `headers` the frame begins. */
  at = 0;
  /** Octets of the frame that can be read in `headers`; all headers are among them. */
  readableLen = 0;
  /** Octets of the frame. */
  frameLen = 0;
  /** Octets of the frame that lie in the list's slot, in front of those of the payload. */
  #slotLen = 0;
  #payloadAt = 0;
  #payload: Uint8Array = NOTHING;

  /**
   * Points at a frame.
   *
   * @param list Holds the frame in a row. Either all headers lie in the row's slot, or the whole frame in the payload.
   * @param row Its row.
   * @param octets The buffer of the payload.
   * @param view The same buffer.
   */
  point(list: PieceList, row: number, octets: Uint8Array, view: DataView): void {
    const slotLen = list.headerLen[row];
    this.#slotLen = slotLen;
    this.#payload = octets;
    this.#payloadAt = list.payloadAt[row];
    this.frameLen = slotLen + list.payloadLen[row];
    this.headers = slotLen > 0 ? list.headers : octets;
    this.headerView = slotLen > 0 ? list.headerView : view;
    this.at = slotLen > 0 ? list.headerAt[row] : list.payloadAt[row];
    this.readableLen = slotLen > 0 ? slotLen : this.frameLen;
  }

  /** Returns how many octets, from `from` octets behind the frame's beginning, lie in the list's slot. */
  lenInSlot(from: number): number {
    return Math.max(0, this.#slotLen - from);
  }

  /** Returns where in the payload's buffer the octet lies that is `from` octets behind the frame's beginning. */
  payloadOffset(from: number): number {
    return this.#payloadAt + from - this.#slotLen;
  }

  /** Copies `length` octets, the first of them `from` octets behind the frame's beginning. */
  copy(from: number, length: number, target: Uint8Array, targetAt: number): void {
    for (let index = 0; index < length; index++) {
      const at = from + index;
      target[targetAt + index] = at < this.#slotLen
        ? this.headers[this.at + at]
        : this.#payload[this.payloadOffset(at)];
    }
  }
}
