/**
 * A thread that counts under a lock; see `lock_test.ts`.
 *
 * @module
 */

import { acquireLock, releaseLock } from "../../src/dataplane/lock.ts";
import { COUNTER, LOCK, type LockTask, STARTED } from "./lock_task.ts";

const scope = self as unknown as {
  onmessage: (message: MessageEvent<LockTask>) => void;
  postMessage(message: string): void;
};

scope.onmessage = ({ data: { buffer, rounds, threads } }) => {
  const words = new Int32Array(buffer);
  // All threads begin together.
  Atomics.add(words, STARTED, 1);
  while (Atomics.load(words, STARTED) < threads) continue;
  for (let round = 0; round < rounds; round++) {
    acquireLock(words, LOCK);
    // Read and written without an atomic, and slowly: a second thread inside would lose counts.
    const before = words[COUNTER];
    for (let spin = 0; spin < 20; spin++) words[COUNTER] = before;
    words[COUNTER] = before + 1;
    releaseLock(words, LOCK);
  }
  scope.postMessage("done");
};
