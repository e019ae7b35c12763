import { strict as assert } from "node:assert";
import { PathPatience } from "../../src/conn/path_passive.ts";

Deno.test("mayTryAnother() waits twice as long each time, up to 5 min, until something is heard", () => {
  const patience = new PathPatience();
  const changes: number[] = [];
  let nowMs = 0;
  for (; nowMs < 1_000_000; nowMs += 1_000) if (patience.mayTryAnother(nowMs)) changes.push(nowMs / 1_000);
  const waits = changes.slice(1).map((at, index) => at - changes[index]);
  assert.deepEqual(waits, [11, 22, 44, 88, 176, 300, 300].slice(0, waits.length));
  assert.ok(waits.length >= 6);
  patience.handleHeard();
  const again = changes[changes.length - 1] * 1_000 + 11_000;
  assert.equal(patience.mayTryAnother(Math.max(again, nowMs)), true);
});

Deno.test("mayFollow() follows a peer once a second at most", () => {
  const patience = new PathPatience();
  assert.deepEqual([0, 10, 999, 1_000, 1_500].map((nowMs) => patience.mayFollow(nowMs)), [
    true,
    false,
    false,
    true,
    false,
  ]);
});
