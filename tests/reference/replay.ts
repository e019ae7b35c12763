/**
 * The replay window as its definition reads: remember every counter, forget those out of reach.
 *
 * @module
 */

/** How far behind the highest counter one is still accepted. */
const WINDOW = 8128n;

/** A window over whole counters, with no bitmap to get wrong. */
export class SlowReplayWindow {
  #highest = 0n;
  readonly #seen = new Set<bigint>();

  /** Whether `counter` may be used; it is then marked as seen. */
  accept(counter: bigint): boolean {
    if (counter + WINDOW < this.#highest || this.#seen.has(counter)) return false;
    this.#seen.add(counter);
    if (counter > this.#highest) this.#highest = counter;
    return true;
  }
}
