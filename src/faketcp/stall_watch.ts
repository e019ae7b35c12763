/**
 * Notices that many segments of a connection were lost, and takes their sequence numbers into use again.
 *
 * Lanes send and receive by themselves, so this looks at the shared columns now and then.
 *
 * @module
 */

import { seqDistance } from "../wire/sequence.ts";
import { advanceSeq, type ConnectionTable, rewindSeq } from "./connection_table.ts";
import { STALL_MS } from "./constants.ts";
import { SEND_WINDOW_MAX } from "./segment_sender.ts";

/** Watches one connection. */
export class StallWatch {
  readonly #table: ConnectionTable;
  readonly #row: number;
  /** `sndUna` when it was last seen to move, or when little was outstanding. */
  #una: number;
  #sinceMs: number;
  /** `sndNxt` right after the last rewind. */
  #rewoundTo = 0;

  /** @param row A connection that opens now. */
  constructor(table: ConnectionTable, row: number, nowMs: number) {
    this.#table = table;
    this.#row = row;
    this.#una = Atomics.load(table.sndUna, row);
    this.#sinceMs = nowMs;
  }

  /**
   * Looks at the columns. Rewinds when more than a quarter of the peer's window is outstanding and nothing was acknowledged
   * for {@linkcode STALL_MS}: the peer acknowledges at the latest when half of its window is used. One that offers more than
   * we ever use (phantun: 1 GiB) may not acknowledge before we have to stop.
   */
  look(nowMs: number): void {
    const table = this.#table;
    const row = this.#row;
    const sndUna = Atomics.load(table.sndUna, row);
    // After a rewind the peer may turn out to be further than we thought.
    advanceSeq(table.sndNxt, row, sndUna);
    const sndNxt = Atomics.load(table.sndNxt, row);
    const lag = Atomics.load(table.sndLag, row);
    if (lag > 0 && seqDistance(sndNxt, this.#rewoundTo) >= lag) Atomics.store(table.sndLag, row, 0);
    const isLittle = seqDistance(sndNxt, sndUna) * 4 <= Math.min(table.sndWnd[row], SEND_WINDOW_MAX);
    if (isLittle || sndUna !== this.#una) {
      this.#una = sndUna;
      this.#sinceMs = nowMs;
    } else if (nowMs - this.#sinceMs >= STALL_MS) {
      rewindSeq(table, row);
      this.#rewoundTo = sndUna;
      this.#sinceMs = nowMs;
    }
  }
}
