/**
 * The addresses of `l2fib_race_test.ts`: the lower half names the node, the upper half follows from the lower.
 *
 * @module
 */

/** Count of addresses, hence of lower halves; more than a bucket of the table holds. */
export const ADDRESSES = 13;
/** Count of upper halves. */
export const HIGH_WORDS = 4;
