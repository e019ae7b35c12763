import { strict as assert } from "node:assert";
import fc from "fast-check";
import { seqAdd, seqAfter, seqBefore, seqDistance, seqInWindow } from "../../src/wire/sequence.ts";

const seq = fc.integer({ min: 0, max: 0xffffffff });

Deno.test("seqAdd() wraps around in both directions", () => {
  assert.equal(seqAdd(0xffffffff, 1), 0);
  assert.equal(seqAdd(0xfffffff0, 0x20), 0x10);
  assert.equal(seqAdd(0, -1), 0xffffffff);
});

Deno.test("seqDistance() is the way that seqAdd() goes", () => {
  fc.assert(
    fc.property(seq, fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (base, count) => {
      assert.equal(seqDistance(seqAdd(base, count), base), count);
    }),
  );
});

Deno.test("seqBefore() and seqAfter() order numbers across the wrap", () => {
  const rows: [number, number][] = [[0, 1], [0xffffffff, 0], [0x7fffffff, 0x80000000], [0xfffffff0, 0x7fffffe0]];
  for (const [early, late] of rows) {
    assert.ok(seqBefore(early, late) && seqAfter(late, early), `${early} before ${late}`);
    assert.ok(!seqBefore(late, early) && !seqAfter(early, late), `${late} not before ${early}`);
  }
  assert.ok(!seqBefore(7, 7) && !seqAfter(7, 7));
});

Deno.test("seqInWindow() includes the start and excludes the end, across the wrap", () => {
  assert.ok(seqInWindow(0xfffffffe, 0xfffffffe, 4));
  assert.ok(seqInWindow(1, 0xfffffffe, 4));
  assert.ok(!seqInWindow(2, 0xfffffffe, 4));
  assert.ok(!seqInWindow(0xfffffffd, 0xfffffffe, 4));
  assert.ok(!seqInWindow(5, 5, 0));
});
