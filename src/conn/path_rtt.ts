/**
 * Round-trip time of probes, smoothed as RFC 6298 §2 does, and the time after which a probe counts as unanswered.
 *
 * @module
 */

import type { PathParams } from "./path_params.ts";

/** Weights of a new sample (RFC 6298 §2.3). */
const ALPHA = 1 / 8;
const BETA = 1 / 4;
/** How many deviations the timeout allows for (RFC 6298 §2, K). */
const K = 4;
/** A round trip beyond the greatest timeout would make each probe unanswered: the timeout is this times the round trip. */
const SLOW_PATH_FACTOR = 1.25;

/** The round-trip time of one path. */
export class PathRtt {
  readonly #params: PathParams;
  #srttMs = 0;
  #rttvarMs = 0;
  #timeoutMs: number;

  constructor(params: PathParams) {
    this.#params = params;
    this.#timeoutMs = params.probeTimeoutInitialMs;
  }

  /** Smoothed round-trip time, ms; 0 before the first sample. */
  get srttMs(): number {
    return this.#srttMs;
  }

  /** Mean deviation, ms. */
  get rttvarMs(): number {
    return this.#rttvarMs;
  }

  /** Time after which a probe counts as unanswered, ms. */
  get timeoutMs(): number {
    return this.#timeoutMs;
  }

  /**
   * Takes a sample. Each reply names its probe, so that late ones may be taken as well (unlike in RFC 6298 §3): they are
   * what a path whose round trip grows has to teach.
   */
  sample(rttMs: number): void {
    if (this.#srttMs === 0) {
      this.#srttMs = rttMs;
      this.#rttvarMs = rttMs / 2;
    } else {
      this.#rttvarMs += BETA * (Math.abs(this.#srttMs - rttMs) - this.#rttvarMs);
      this.#srttMs += ALPHA * (rttMs - this.#srttMs);
    }
    const { probeTimeoutMinMs, probeTimeoutMaxMs } = this.#params;
    const wanted = this.#srttMs + K * this.#rttvarMs;
    const bounded = Math.min(Math.max(wanted, probeTimeoutMinMs), probeTimeoutMaxMs);
    this.#timeoutMs = Math.max(bounded, this.#srttMs * SLOW_PATH_FACTOR);
  }

  /** Forgets what was measured. */
  reset(): void {
    this.#srttMs = 0;
    this.#rttvarMs = 0;
    this.#timeoutMs = this.#params.probeTimeoutInitialMs;
  }
}
