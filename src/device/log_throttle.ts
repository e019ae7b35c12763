/**
 * Keeps what the network can cause from filling the log.
 *
 * @module
 */

/** Least time between two lines of one kind, in ms. */
export const LOG_INTERVAL_MS = 60_000;

/** Remembers when a line of each kind was last written. */
export class LogThrottle {
  readonly #lastMs = new Map<string, number>();

  /**
   * Tells whether a line may be written now, and takes it as written if so.
   *
   * @param kind From a closed set, such as an event and a peer row: each is remembered for good.
   */
  permits(kind: string, nowMs: number): boolean {
    const lastMs = this.#lastMs.get(kind);
    if (lastMs !== undefined && nowMs - lastMs < LOG_INTERVAL_MS) return false;
    this.#lastMs.set(kind, nowMs);
    return true;
  }
}
