import { strict as assert } from "node:assert";
import fc from "fast-check";
import { DeadlineQueue } from "../../src/control/deadline_queue.ts";

Deno.test("DeadlineQueue has nothing due while it is empty, however late it is", () => {
  const queue = new DeadlineQueue();
  assert.equal(queue.nextMs, Infinity);
  assert.equal(queue.takeDue(Infinity), undefined);
});

Deno.test("DeadlineQueue gives rows by their deadlines, and those of one deadline in the order of setting", () => {
  const queue = new DeadlineQueue();
  for (const [row, dueMs] of [[1, 30], [2, 10], [3, 10], [4, 20], [5, 10], [4, 5], [2, 10], [1, Infinity]]) {
    queue.set(row, dueMs);
  }
  assert.equal(queue.nextMs, 5);
  assert.equal(queue.takeDue(4.9), undefined);
  assert.deepEqual([1, 2, 3, 4, 5].map(() => queue.takeDue(100)), [4, 2, 3, 5, undefined]);
});

Deno.test("DeadlineQueue behaves as a list that is sorted anew each time", () => {
  const step = fc.record({
    row: fc.nat(20),
    dueMs: fc.oneof(fc.nat(30), fc.constant(Infinity)),
    takesUntilMs: fc.nat(60),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
    const queue = new DeadlineQueue();
    let list: { row: number; dueMs: number }[] = [];
    for (const { row, dueMs, takesUntilMs } of steps) {
      const known = list.find((entry) => entry.row === row);
      queue.set(row, dueMs);
      if (known?.dueMs !== dueMs) list = list.filter((entry) => entry !== known);
      if (known?.dueMs !== dueMs && dueMs < Infinity) list.push({ row, dueMs });
      list.sort((one, other) => one.dueMs - other.dueMs);
      assert.equal(queue.nextMs, list.at(0)?.dueMs ?? Infinity);
      const isDue = list.length > 0 && list[0].dueMs <= takesUntilMs;
      assert.equal(queue.takeDue(takesUntilMs), isDue ? list.shift()?.row : undefined);
    }
  }));
});
