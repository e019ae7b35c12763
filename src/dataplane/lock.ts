// No allocation per packet in this file.
/**
 * A mutex in shared memory for the few columns that two lanes may write.
 *
 * The three-state futex lock of Drepper, "Futexes Are Tricky", §5 (mutex 2): 0 free, 1 held, 2 held and awaited. Held for a
 * burst, so that an uncontended lane pays one compare-and-exchange.
 *
 * @module
 */

/** Takes the lock at `words[at]`, waiting while another thread has it. */
export function acquireLock(words: Int32Array, at: number): void {
  let seen = Atomics.compareExchange(words, at, 0, 1);
  while (seen !== 0) {
    if (seen === 2 || Atomics.compareExchange(words, at, 1, 2) !== 0) Atomics.wait(words, at, 2);
    seen = Atomics.compareExchange(words, at, 0, 2);
  }
}

/** Gives back the lock at `words[at]`; the caller holds it. */
export function releaseLock(words: Int32Array, at: number): void {
  if (Atomics.exchange(words, at, 0) === 2) Atomics.notify(words, at, 1);
}
