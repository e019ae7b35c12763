/**
 * Writes to an L2 FIB as fast as it can until it is told to stop; the other thread of `l2fib_race_test.ts`.
 *
 * @module
 */

import { l2fibLearn } from "../../src/route/l2fib.ts";

import { ADDRESSES, HIGH_WORDS } from "./l2fib_race.ts";

self.onmessage = ({ data }: MessageEvent<{ words: Int32Array; stop: Int32Array }>) => {
  const { words, stop } = data;
  let rounds = 0;
  for (let now = 1; Atomics.load(stop, 0) === 0; now++) {
    // More addresses than the bucket holds: each one learnt evicts another, whose halves are both different.
    const low = now % ADDRESSES;
    l2fibLearn(words, 8, 0, low % HIGH_WORDS, low, low, now);
    rounds++;
  }
  self.postMessage(rounds);
};
self.postMessage("ready");
