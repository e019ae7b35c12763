import { strict as assert } from "node:assert";
import type { Transition } from "../../netns/harness/failover.ts";
import { percentile, renderFailover, summarise } from "./failover.ts";

function transition(darkMs: number, lost = 0): Transition {
  return {
    case: "silent",
    to: "faketcp",
    darkMs,
    lost,
    lostLate: 0,
    duplicated: 0,
    outOfOrder: 0,
    switches: 1,
    tookMs: darkMs + 100,
  };
}

Deno.test("percentile() takes the nearest rank", () => {
  const twenty = Array.from({ length: 20 }, (_, index) => 20 - index);
  assert.equal(percentile(twenty, 0.99), 20);
  assert.equal(percentile(twenty, 0.5), 10);
  assert.equal(percentile([7], 0.99), 7);
  assert.equal(percentile(Array.from({ length: 200 }, (_, index) => index + 1), 0.99), 198);
});

Deno.test("summarise() tells the middle and the worst of few runs, in seconds", () => {
  const row = summarise([transition(300, 4), transition(410, 9), transition(200)]);
  assert.deepEqual(
    [row.runs, row.darkSecondsMedian, row.darkSeconds, row.lost, row.tookSeconds],
    [3, 0.3, 0.41, 9, 0.51],
  );
});

Deno.test("renderFailover() has a line per row", () => {
  const lines = renderFailover([summarise([transition(300, 4)])]).split("\n");
  assert.equal(lines.length, 2);
  assert.match(lines[1], /^silent\s+faketcp\s+1\s+0\.300\s+0\.300\s+0\.40\s+4\s+0\s+0\s+1$/);
});
