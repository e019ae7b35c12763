/**
 * How long a better path must have worked before traffic returns to it.
 *
 * The time is short for a path that failed cleanly, longer for one that was left for its loss, and it doubles each time a
 * return turns out to be a mistake: up to five minutes if probes get through and traffic doesn't, and a little if the path
 * comes and goes, because then each return was right while it lasted. It halves again for each minute that a return lasts.
 *
 * @module
 */

import { PATH_KIND_COUNT, transportOf } from "../base/path_kind.ts";
import type { SwitchReason } from "./path_event.ts";
import type { PathParams } from "./path_params.ts";

const HOLD_MAX_MS = 300_000;
/** The most for a path that falls silent again and again: traffic is to be back ten seconds after it works. */
const SILENCE_HOLD_MAX_MS = 8_000;
/**
 * The least factor for a path that was found lossy. Fifty probes, as many as fit into a hold time, can't tell 10 %
 * from 5 %: a tenth of all tries would let such a path pass. Of two hundred one in three hundred does.
 */
const LOSSY_FACTOR = 4;
/** A return that ended sooner than this for the quality of the path was a mistake; a longer one counts for it. */
const GOOD_STAY_MS = 60_000;
/**
 * The same for a path that fell silent. Less, because a path that is blocked now and then, and works in between, is worth
 * the return each time: leaving it costs next to nothing.
 */
const GOOD_STAY_BEFORE_SILENCE_MS = 5_000;

/** The hold times of a peer's paths. */
export class PathHold {
  readonly #params: PathParams;
  /** By kind: what multiplies the configured time for bad quality, a power of two. */
  readonly #factor = new Float64Array(PATH_KIND_COUNT).fill(1);
  /** By kind: the same for silence. */
  readonly #silenceFactor = new Float64Array(PATH_KIND_COUNT).fill(1);
  /** By kind: when traffic last returned to it. */
  readonly #returnedMs = new Float64Array(PATH_KIND_COUNT).fill(-Infinity);

  constructor(params: PathParams) {
    this.#params = params;
  }

  /** Returns how long the path `to` must have been clean before traffic on the path `from` goes to it, ms. */
  holdMs(from: number, to: number): number {
    const { holdMs, failbackMs } = this.#params;
    const baseMs = transportOf(from) === transportOf(to) ? failbackMs : holdMs;
    return Math.max(
      baseMs,
      Math.min(baseMs * this.#factor[to], HOLD_MAX_MS),
      Math.min(baseMs * this.#silenceFactor[to], SILENCE_HOLD_MAX_MS),
    );
  }

  /** Returns how long a path must have been clean under close watch, ms. After that a probe now and then is enough. */
  trialMs(to: number): number {
    return this.#params.holdMs * Math.min(this.#factor[to], LOSSY_FACTOR);
  }

  /** To be called when traffic returns to a path. */
  handleReturn(kind: number, nowMs: number): void {
    this.#returnedMs[kind] = nowMs;
  }

  /** To be called when traffic leaves a path. */
  handleLeave(kind: number, reason: SwitchReason, nowMs: number): void {
    const stayedMs = nowMs - this.#returnedMs[kind];
    this.#returnedMs[kind] = -Infinity;
    const isMistake = stayedMs < goodStayMs(reason);
    const relief = 2 ** Math.floor(stayedMs / GOOD_STAY_MS);
    const greatest = 2 ** Math.ceil(Math.log2(HOLD_MAX_MS / this.#params.holdMs));
    const factors = reason === "no answer" ? this.#silenceFactor : this.#factor;
    for (const other of [this.#factor, this.#silenceFactor]) other[kind] = Math.max(other[kind] / relief, 1);
    if (isMistake) factors[kind] = Math.min(factors[kind] * 2, greatest);
    if (reason === "loss") this.handleLossy(kind);
  }

  /** To be called when a path was found too lossy to be used: the current one, or one that would have come before another. */
  handleLossy(kind: number): void {
    this.#factor[kind] = Math.max(this.#factor[kind], LOSSY_FACTOR);
  }
}

/** Returns how long a stay must have been that ended for a reason, to count for the path, ms. */
function goodStayMs(reason: SwitchReason): number {
  switch (reason) {
    case "loss":
    case "small only":
      return GOOD_STAY_MS;
    case "no answer":
      return GOOD_STAY_BEFORE_SILENCE_MS;
    default:
      return 0;
  }
}
