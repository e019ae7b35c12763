import { strict as assert } from "node:assert";
import { REPLY_MAX, ReplyQueue } from "../../src/faketcp/reply_queue.ts";

/** Writes two octets. */
function add(queue: ReplyQueue, number: number): void {
  queue.add((view, offset) => {
    view.setUint16(offset, number);
    return 2;
  });
}

Deno.test("ReplyQueue gives back packets in their order, and drops what comes when it is full", () => {
  const queue = new ReplyQueue();
  const out = new Uint8Array(100);
  assert.equal(queue.take(out), 0);
  for (let round = 0; round < 3; round++) {
    for (let number = 0; number < REPLY_MAX + 10; number++) add(queue, number);
    for (let number = 0; number < REPLY_MAX; number++) {
      assert.equal(queue.take(out), 2);
      assert.equal(out[1], number);
    }
    assert.ok(queue.isEmpty());
  }
});
