/**
 * How many handshake messages one source address may send while we are under load.
 *
 * A token bucket per address: 20 a second, 5 at once. It is asked only for messages whose MAC2 proves that the sender
 * receives at that address, so a forger can't fill the table. Its size is bounded all the same: beyond it the address that
 * was quiet longest is forgotten, which costs us no more than a full bucket.
 *
 * Source: WireGuard paper §5.3; `wire.md` §2.5; wireguard-go, `ratelimiter/ratelimiter.go`.
 *
 * @module
 */

import { TokenBucket } from "../base/token_bucket.ts";

/** Messages per second that an address may send in the long run. */
export const HANDSHAKES_PER_SECOND = 20;
/** Messages that an address may send at once. */
export const HANDSHAKES_BURST = 5;
/** Addresses that are remembered. */
export const RATE_LIMITER_CAPACITY = 4096;

/** Token buckets by source address. */
export class RateLimiter {
  /** In the order of their last use: a map keeps the order of insertion. */
  readonly #buckets = new Map<string, TokenBucket>();

  /** Count of addresses that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /**
   * Takes a token.
   *
   * @param address Any text that stands for the address, without its port.
   * @returns Whether there was one.
   */
  allow(address: string, nowMs: number): boolean {
    const bucket = this.#buckets.get(address) ?? new TokenBucket(HANDSHAKES_PER_SECOND, HANDSHAKES_BURST);
    this.#buckets.delete(address);
    this.#buckets.set(address, bucket);
    this.#forgetOldest();
    return bucket.take(nowMs);
  }

  #forgetOldest(): void {
    if (this.#buckets.size <= RATE_LIMITER_CAPACITY) return;
    const oldest = this.#buckets.keys().next();
    if (!oldest.done) this.#buckets.delete(oldest.value);
  }
}
