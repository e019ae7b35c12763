/**
 * How long to wait after a failure.
 *
 * @module
 */

import type { RandomSource } from "../base/random.ts";

/** First wait at its longest, ms. */
const FIRST_MS = 2_000;

/**
 * Waits that double with each failure in a row. Each is random within its upper half, so that edges that lost their super
 * at the same moment don't ask it again at the same moment.
 */
export class RetryDelay {
  readonly #random: RandomSource;
  readonly #longestMs: number;
  #limitMs = FIRST_MS;

  /** @param longestMs No wait is longer. */
  constructor(random: RandomSource, longestMs: number) {
    this.#random = random;
    this.#longestMs = longestMs;
  }

  /** Returns how long to wait after one more failure, ms: 1 to 2 s after the first. */
  next(): number {
    const limitMs = Math.min(this.#limitMs, this.#longestMs);
    this.#limitMs = limitMs * 2;
    return limitMs / 2 * (1 + this.#random.uint32() / 2 ** 32);
  }

  /** It worked, or something else is tried: the next failure is a first one. */
  reset(): void {
    this.#limitMs = FIRST_MS;
  }
}
