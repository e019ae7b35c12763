// No allocation per packet in this file.
/**
 * Limits how often something is done, with a reserve for bursts.
 *
 * @module
 */

/** A bucket that fills by a token at a steady rate; what is to be done takes one out. */
export class TokenBucket {
  readonly #perSecond: number;
  readonly #capacity: number;
  /** Tokens in the bucket, and when that was, ms. In an array, because a number in a field of its own is an object. */
  readonly #level: Float64Array;

  /**
   * Makes a full bucket.
   *
   * @param perSecond Tokens that come in a second.
   * @param capacity Tokens that it holds at most; what comes in a second if left out.
   */
  constructor(perSecond: number, capacity = perSecond) {
    this.#perSecond = perSecond;
    this.#capacity = capacity;
    this.#level = Float64Array.of(capacity, 0);
  }

  /** Takes a token out; time that steps back brings none. Returns whether there was one. Allocates nothing. */
  take(nowMs: number): boolean {
    const level = this.#level;
    level[0] = Math.min(level[0] + (Math.max(0, nowMs - level[1]) * this.#perSecond) / 1000, this.#capacity);
    level[1] = nowMs;
    if (level[0] < 1) return false;
    level[0]--;
    return true;
  }
}
