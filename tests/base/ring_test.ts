import { strict as assert } from "node:assert";
import { Ring, ringBufferLength } from "../../src/base/ring.ts";
import type { RingTask } from "./ring_worker.ts";

const SLOT_LEN = 16;

function createRing(slotCount: number): Ring {
  return new Ring(new SharedArrayBuffer(ringBufferLength(SLOT_LEN, slotCount)), SLOT_LEN, slotCount);
}

/** Puts a number; returns whether there was room. */
function put(ring: Ring, value: number): boolean {
  const at = ring.beginPut();
  if (at < 0) return false;
  ring.octets.fill(value & 0xff, at, at + SLOT_LEN);
  ring.view.setUint32(at, value, true);
  ring.endPut();
  return true;
}

/** Takes a number, or −1. */
function take(ring: Ring): number {
  const at = ring.beginTake();
  if (at < 0) return -1;
  const value = ring.view.getUint32(at, true);
  assert.equal(ring.octets[at + SLOT_LEN - 1], value & 0xff);
  ring.endTake();
  return value;
}

Deno.test("Ring gives out what was put in, in order, and then nothing", () => {
  const ring = createRing(4);
  assert.equal(take(ring), -1);
  for (let round = 0; round < 10; round++) {
    for (let value = 0; value < 3; value++) assert.ok(put(ring, round * 10 + value));
    assert.equal(ring.size, 3);
    for (let value = 0; value < 3; value++) assert.equal(take(ring), round * 10 + value);
    assert.equal(take(ring), -1);
    assert.equal(ring.size, 0);
  }
});

Deno.test("Ring refuses when every slot is filled, and takes again once one is free", () => {
  const ring = createRing(4);
  for (let value = 0; value < 4; value++) assert.ok(put(ring, value));
  assert.equal(ring.size, 4);
  assert.ok(!put(ring, 99));
  assert.equal(take(ring), 0);
  assert.ok(put(ring, 4));
  assert.ok(!put(ring, 99));
  assert.deepEqual([take(ring), take(ring), take(ring), take(ring), take(ring)], [1, 2, 3, 4, -1]);
});

Deno.test("Ring.peek() finds the filled slots from the oldest on, and takes none", () => {
  const ring = createRing(4);
  for (let value = 0; value < 3; value++) put(ring, value);
  take(ring);
  for (let value = 3; value < 5; value++) put(ring, value);
  const seen = Array.from({ length: ring.size }, (_, places) => ring.view.getUint32(ring.peek(places), true));
  assert.deepEqual(seen, [1, 2, 3, 4]);
  assert.equal(take(ring), 1);
});

Deno.test("Ring hides a slot until endPut(), and keeps it until endTake()", () => {
  const ring = createRing(2);
  assert.ok(ring.beginPut() >= 0);
  assert.equal(ring.beginTake(), -1);
  ring.endPut();
  assert.ok(ring.beginTake() >= 0);
  assert.ok(put(ring, 1));
  assert.ok(!put(ring, 2));
  ring.endTake();
  assert.ok(put(ring, 2));
});

Deno.test("Ring goes on when its positions wrap round 2^31 and 2^32", () => {
  for (const start of [0x7ffffffe, -2]) {
    const ring = createRing(4);
    // The producer's position is word 0, the consumer's word 16.
    new Int32Array(ring.buffer)[0] = start;
    new Int32Array(ring.buffer)[16] = start;
    for (let value = 0; value < 12; value++) {
      assert.ok(put(ring, value) && put(ring, value + 100));
      assert.deepEqual([take(ring), take(ring), take(ring)], [value, value + 100, -1]);
    }
    for (let value = 0; value < 4; value++) assert.ok(put(ring, value));
    assert.ok(!put(ring, 4));
  }
});

Deno.test("Ring keeps its slots apart and within its memory", () => {
  const ring = createRing(8);
  const offsets = Array.from({ length: 8 }, () => {
    const at = ring.beginPut();
    ring.endPut();
    return at;
  });
  assert.equal(new Set(offsets).size, 8);
  for (const at of offsets) {
    assert.ok(at % 8 === 0 && at >= ringBufferLength(SLOT_LEN, 0) && at + SLOT_LEN <= ring.buffer.byteLength);
  }
});

Deno.test("Ring carries a sequence from one thread to another without loss", async () => {
  const slotCount = 64;
  const total = 5_000;
  const ring = createRing(slotCount);
  const worker = new Worker(new URL("ring_worker.ts", import.meta.url), { type: "module" });
  const done = new Promise((resolve) => worker.onmessage = resolve);
  worker.postMessage({ buffer: ring.buffer, slotLen: SLOT_LEN, slotCount, total } satisfies RingTask);
  for (let expected = 0; expected < total;) {
    const value = take(ring);
    if (value !== -1) assert.equal(value, expected++);
    else await new Promise((resolve) => setTimeout(resolve, 0));
  }
  await done;
  worker.terminate();
});
