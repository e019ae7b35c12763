// No allocation per packet in this file.
/**
 * Datagrams on their way out of one bind, joined into runs of equal length to one peer.
 *
 * A run costs the kernel one pass through its stack however many datagrams it has (`UDP_SEGMENT`, udp(7)).
 *
 * @module
 */

import { RUN_WORDS } from "../ffi/symbols.ts";
import { type Bind, RUN_DATAGRAMS_MAX, RUN_LEN_MAX } from "../conn/bind.ts";

/** Runs that wait to be sent by one bind, in order. */
export class RunList {
  readonly bind: Bind;
  /** Five words a run, see {@linkcode Bind.sendRuns}. */
  readonly words: Uint32Array<ArrayBuffer>;
  count = 0;
  /** Whether the kernel takes runs; without, every datagram is its own. */
  joins = true;
  readonly #capacity: number;
  #lastPeer = -1;
  #lastDatagrams = 0;

  constructor(bind: Bind, capacity: number) {
    this.bind = bind;
    this.words = new Uint32Array(capacity * RUN_WORDS);
    this.#capacity = capacity;
  }

  get isFull(): boolean {
    return this.count === this.#capacity;
  }

  /**
   * Appends a datagram that lies at `at`; it joins the last run if it directly follows it, has the same peer, and is not
   * longer than its datagrams. A shorter one ends the run.
   *
   * @param alone Whether it must not be joined with others, because the path refuses runs.
   */
  add(peerRow: number, at: number, length: number, alone: boolean): void {
    const { words } = this;
    const last = (this.count - 1) * RUN_WORDS;
    if (
      !alone && peerRow === this.#lastPeer && this.#lastDatagrams < RUN_DATAGRAMS_MAX &&
      words[last] + words[last + 1] === at && words[last + 1] + length <= RUN_LEN_MAX && this.joins
    ) {
      const segment = this.#lastDatagrams === 1 ? words[last + 1] : words[last + 2];
      if (length <= segment) {
        words[last + 1] += length;
        words[last + 2] = segment;
        this.#lastDatagrams++;
        if (length < segment) this.#lastPeer = -1;
        return;
      }
    }
    const next = this.count * RUN_WORDS;
    words[next] = at;
    words[next + 1] = length;
    words[next + 2] = 0;
    words[next + 3] = peerRow;
    words[next + 4] = 0;
    this.count++;
    this.#lastPeer = alone ? -1 : peerRow;
    this.#lastDatagrams = 1;
  }

  clear(): void {
    this.count = 0;
    this.#lastPeer = -1;
    this.#lastDatagrams = 0;
  }
}
