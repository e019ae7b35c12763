import { strict as assert } from "node:assert";
import fc from "fast-check";
import {
  L2FIB_ENTRY_WORDS,
  l2fibLearn,
  l2fibLookup,
  l2fibPurgeNode,
  l2fibRefresh,
  l2fibSweep,
} from "../../src/route/l2fib.ts";

const SEED = 0x9d2c5680;

function createFib(entries: number): Int32Array {
  return new Int32Array(new SharedArrayBuffer(entries * 4 * L2FIB_ENTRY_WORDS));
}

/** Time at which an address was seen last, found by its words. */
function lastSeen(words: Int32Array, high: number, lowAndNode: number): number {
  for (let at = 0; at < words.length; at += L2FIB_ENTRY_WORDS) {
    if (words[at + 2] !== 0 && words[at] === (high | 0) && words[at + 1] === (lowAndNode | 0)) return words[at + 2];
  }
  return 0;
}

Deno.test("l2fibLookup() finds what was learnt and nothing else", () => {
  const fib = createFib(64);
  assert.equal(l2fibLookup(fib, 64, SEED, 0xaabbccdd, 0xeeff), -1);
  assert.equal(l2fibLearn(fib, 64, SEED, 0xaabbccdd, 0xeeff, 7, 1), true);
  assert.equal(l2fibLookup(fib, 64, SEED, 0xaabbccdd, 0xeeff), 7);
  assert.equal(l2fibLookup(fib, 64, SEED, 0xaabbccdd, 0xeefe), -1);
  assert.equal(l2fibLookup(fib, 64, SEED, 0xaabbccdc, 0xeeff), -1);
});

Deno.test("l2fibLookup() treats every address and NodeId as unsigned", () => {
  const fib = createFib(64);
  const corners: [number, number, number][] = [[0, 0, 0], [0xffffffff, 0xffff, 65531], [0x80000000, 0x8000, 32768]];
  for (const [high, low, node] of corners) {
    l2fibLearn(fib, 64, SEED, high, low, node, 1);
    assert.equal(l2fibLookup(fib, 64, SEED, high, low), node);
  }
});

Deno.test("l2fibLearn() moves an address to another node", () => {
  const fib = createFib(64);
  l2fibLearn(fib, 64, SEED, 1, 2, 7, 1);
  assert.equal(l2fibLearn(fib, 64, SEED, 1, 2, 7, 2), false, "only the time is new");
  assert.equal(l2fibLearn(fib, 64, SEED, 1, 2, 8, 3), true);
  assert.equal(l2fibLookup(fib, 64, SEED, 1, 2), 8);
});

Deno.test("l2fibLearn() evicts the entry of a full bucket that was idle longest", () => {
  const fib = createFib(8);
  for (let low = 0; low < 8; low++) l2fibLearn(fib, 8, SEED, 1, low, low, 10 + low);
  assert.equal(l2fibRefresh(fib, 8, SEED, 1, 0, 0, 30), true);
  l2fibLearn(fib, 8, SEED, 1, 8, 8, 31);
  assert.equal(l2fibLookup(fib, 8, SEED, 1, 0), 0, "was refreshed");
  assert.equal(l2fibLookup(fib, 8, SEED, 1, 1), -1, "was the oldest");
  assert.equal(l2fibLookup(fib, 8, SEED, 1, 8), 8);
});

Deno.test("l2fibRefresh() refreshes a known address and refuses an unknown or moved one", () => {
  const fib = createFib(64);
  l2fibLearn(fib, 64, SEED, 1, 2, 7, 5);
  assert.equal(l2fibRefresh(fib, 64, SEED, 1, 2, 7, 9), true);
  assert.equal(lastSeen(fib, 1, (2 << 16) | 7), 9);
  assert.equal(l2fibRefresh(fib, 64, SEED, 1, 2, 8, 11), false);
  assert.equal(lastSeen(fib, 1, (2 << 16) | 7), 9);
  assert.equal(l2fibRefresh(fib, 64, SEED, 1, 3, 7, 11), false);
});

Deno.test("l2fibSweep() removes what wasn't seen since, and no more", () => {
  const fib = createFib(64);
  for (let low = 1; low <= 5; low++) l2fibLearn(fib, 64, SEED, 0, low, low, low);
  assert.equal(l2fibSweep(fib, 64, 3), 2);
  assert.deepEqual([1, 2, 3, 4, 5].map((low) => l2fibLookup(fib, 64, SEED, 0, low)), [-1, -1, 3, 4, 5]);
});

Deno.test("l2fibPurgeNode() removes the addresses of one node", () => {
  const fib = createFib(64);
  for (let low = 1; low <= 6; low++) l2fibLearn(fib, 64, SEED, 0, low, low % 2, 1);
  assert.equal(l2fibPurgeNode(fib, 64, 1), 3);
  assert.deepEqual([1, 2, 3, 4].map((low) => l2fibLookup(fib, 64, SEED, 0, low)), [-1, 0, -1, 0]);
});

Deno.test("l2fibLearn() spreads consecutive addresses over the buckets", () => {
  const entries = 16384;
  const fib = createFib(entries);
  for (let low = 0; low < entries / 2; low++) l2fibLearn(fib, entries, SEED, 0x02000000, low, 1, 1);
  let known = 0;
  for (let low = 0; low < entries / 2; low++) if (l2fibLookup(fib, entries, SEED, 0x02000000, low) === 1) known++;
  assert.ok(known > entries / 2 * 0.97, `only ${known} of ${entries / 2} addresses are still known at half load`);
});

Deno.test("l2fibLookup() agrees with a map while no bucket is full", () => {
  const address = fc.record({ high: fc.constantFrom(0, 1, 0xffffffff), low: fc.nat(3) });
  const step = fc.record({ address, node: fc.nat(65531) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.integer(), (steps, seed) => {
      const fib = createFib(8 * 16);
      const map = new Map<string, number>();
      for (const [index, { address, node }] of steps.entries()) {
        l2fibLearn(fib, 8 * 16, seed, address.high, address.low, node, index + 1);
        map.set(`${address.high} ${address.low}`, node);
      }
      if (map.size > 8) return;
      for (const [key, node] of map) {
        const [high, low] = key.split(" ").map(Number);
        assert.equal(l2fibLookup(fib, 8 * 16, seed, high, low), node);
      }
    }),
    { numRuns: 300 },
  );
});
