/**
 * What `lock_test.ts` and its threads agree on.
 *
 * @module
 */

/** Words of the shared memory: the lock, what it guards, how many threads have started. */
export const LOCK = 3;
export const COUNTER = 4;
export const STARTED = 5;

/** What a thread is told. */
export interface LockTask {
  readonly buffer: ArrayBufferLike;
  /** How often to count. */
  readonly rounds: number;
  /** How many threads begin together. */
  readonly threads: number;
}
