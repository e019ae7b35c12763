import { strict as assert } from "node:assert";
import { acquireLock, releaseLock } from "../../src/dataplane/lock.ts";
import { COUNTER, LOCK, type LockTask } from "./lock_task.ts";

/** A running thread. */
interface Thread extends Disposable {
  readonly done: Promise<void>;
}

function startThread(task: LockTask): Thread {
  const worker = new Worker(new URL("lock_worker.ts", import.meta.url), { type: "module" });
  const done = new Promise<void>((resolve) => worker.onmessage = () => resolve());
  worker.postMessage(task);
  return { done, [Symbol.dispose]: () => worker.terminate() };
}

function sharedWords(): Int32Array {
  return new Int32Array(new SharedArrayBuffer(64));
}

Deno.test("acquireLock() takes a free lock and releaseLock() gives it back, touching no other word", () => {
  const words = sharedWords();
  for (let count = 0; count < 3; count++) {
    acquireLock(words, LOCK);
    assert.deepEqual([...words.subarray(LOCK - 1, LOCK + 2)], [0, 1, 0]);
    releaseLock(words, LOCK);
    assert.ok(words.every((word) => word === 0));
  }
});

Deno.test("acquireLock() waits while another thread has the lock", async () => {
  const words = sharedWords();
  acquireLock(words, LOCK);
  using thread = startThread({ buffer: words.buffer, rounds: 1, threads: 1 });
  // The thread marks the lock as awaited before it sleeps.
  while (Atomics.load(words, LOCK) !== 2) await new Promise((resolve) => setTimeout(resolve, 1));
  assert.equal(words[COUNTER], 0);
  releaseLock(words, LOCK);
  await thread.done;
  assert.equal(words[COUNTER], 1);
  assert.equal(words[LOCK], 0);
});

Deno.test("acquireLock() lets one of two hammering threads in at a time", async () => {
  const words = sharedWords();
  const task = { buffer: words.buffer, rounds: 20_000, threads: 2 };
  using one = startThread(task);
  using two = startThread(task);
  await Promise.all([one.done, two.done]);
  assert.equal(words[COUNTER], 2 * task.rounds);
  assert.equal(words[LOCK], 0);
});
