import { strict as assert } from "node:assert";
import fc from "fast-check";
import { IncreaseQueue } from "../../src/route/increase_queue.ts";

Deno.test("pop() returns nodes by their increase, least first, while others come in", () => {
  fc.assert(
    fc.property(fc.array(fc.oneof(fc.nat(50), fc.constant(undefined)), { maxLength: 200 }), (steps) => {
      const queue = new IncreaseQueue();
      const expected: number[] = [];
      for (const increase of [...steps, ...steps.map(() => undefined)]) {
        if (increase !== undefined) {
          queue.push(increase, increase + 1000);
          expected.push(increase);
          continue;
        }
        const least = expected.sort((a, b) => a - b).shift();
        assert.equal(queue.pop(), least === undefined ? -1 : least + 1000);
        if (least !== undefined) assert.equal(queue.poppedIncrease, least);
      }
    }),
    { numRuns: 200 },
  );
});
