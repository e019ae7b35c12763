/**
 * When to try another path to a peer that answers no probes: a reference node.
 *
 * All we know of such a peer is that nothing comes back, which may be its own doing: it is off. So after each change we wait
 * longer for the next one, up to five minutes, until something is heard. And we never leave a path on which it is.
 *
 * @module
 */

/** Least time on one path. Long enough for two initiations, which are 5 s apart. */
const STAY_MIN_MS = 11_000;
const STAY_MAX_MS = 300_000;
/** Least time between two changes that the peer leads: datagrams that overtake each other make none. */
const FOLLOW_MIN_MS = 1_000;

/** Keeps a peer that answers no probes on one path for a while. */
export class PathPatience {
  #stayMs = STAY_MIN_MS;
  #changedMs = -Infinity;
  #followedMs = -Infinity;

  /** Something was heard on the current path. */
  handleHeard(): void {
    this.#stayMs = STAY_MIN_MS;
  }

  /** Tells whether it is time to try another path, and if so, counts that as done. */
  mayTryAnother(nowMs: number): boolean {
    if (nowMs < this.#changedMs + this.#stayMs) return false;
    if (this.#changedMs > -Infinity) this.#stayMs = Math.min(this.#stayMs * 2, STAY_MAX_MS);
    this.#changedMs = nowMs;
    return true;
  }

  /** Tells whether the peer may lead to another path now, and if so, counts that as done. */
  mayFollow(nowMs: number): boolean {
    if (nowMs < this.#followedMs + FOLLOW_MIN_MS) return false;
    this.#followedMs = nowMs;
    this.#changedMs = nowMs;
    return true;
  }
}
