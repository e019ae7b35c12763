// No allocation per packet in this file.
/**
 * Datagrams on their way out of one bind, joined into runs of equal length to one endpoint.
 *
 * A run costs the kernel one pass through its stack however many datagrams it has (`UDP_SEGMENT`, udp(7); for FakeTCP
 * segmentation offload).
 *
 * @module
 */

import { RUN_WORDS } from "../ffi/symbols.ts";
import { type Bind } from "../conn/bind.ts";

/** Runs that wait to be sent by one bind, in order. */
export class RunList {
  readonly bind: Bind;
  /** Five words a run, see {@linkcode Bind.sendRuns}. */
  readonly words: Uint32Array<ArrayBuffer>;
  count = 0;
  /** Whether the kernel takes runs; without, every datagram is its own. */
  joins = true;
  readonly #capacity: number;
  #lastEndpoint = -1;
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
   * Appends a datagram that lies at `at`; it joins the last run if it directly follows it, has the same endpoint, and is
   * not longer than its datagrams. A shorter one ends the run.
   *
   * @param endpoint Index of the endpoint record.
   * @param alone Whether it must not be joined with others, because the path refuses runs.
   */
  add(endpoint: number, at: number, length: number, alone: boolean): void {
    const { words, bind } = this;
    const last = (this.count - 1) * RUN_WORDS;
    if (
      !alone && endpoint === this.#lastEndpoint && this.#lastDatagrams < bind.runDatagramsMax &&
      words[last] + words[last + 1] === at && words[last + 1] + length <= bind.runLenMax && this.joins
    ) {
      const segment = this.#lastDatagrams === 1 ? words[last + 1] : words[last + 2];
      if (length <= segment) {
        words[last + 1] += length;
        words[last + 2] = segment;
        this.#lastDatagrams++;
        if (length < segment) this.#lastEndpoint = -1;
        return;
      }
    }
    const next = this.count * RUN_WORDS;
    words[next] = at;
    words[next + 1] = length;
    words[next + 2] = 0;
    words[next + 3] = endpoint;
    words[next + 4] = 0;
    this.count++;
    this.#lastEndpoint = alone ? -1 : endpoint;
    this.#lastDatagrams = 1;
  }

  clear(): void {
    this.count = 0;
    this.#lastEndpoint = -1;
    this.#lastDatagrams = 0;
  }
}
