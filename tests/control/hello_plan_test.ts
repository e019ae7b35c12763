import { strict as assert } from "node:assert";
import { HelloPlan } from "../../src/control/hello_plan.ts";

/** Times at which a plan wants a hello sent, until a time. */
function hellosUntil(plan: HelloPlan, endMs: number): number[] {
  const times: number[] = [];
  for (; plan.dueMs <= endMs;) {
    const nowMs = plan.dueMs;
    assert.ok(!plan.poll(nowMs - 1));
    assert.ok(plan.poll(nowMs));
    times.push(nowMs);
  }
  return times;
}

Deno.test("HelloPlan has one hello a session for a peer that shows no knowledge of paths", () => {
  const plan = new HelloPlan();
  assert.deepEqual(hellosUntil(plan, 1e6), []);
  plan.begin(0);
  assert.deepEqual(hellosUntil(plan, 100_000), [0]);
  plan.begin(120_000);
  assert.deepEqual(hellosUntil(plan, 1e6), [120_000]);
});

Deno.test("HelloPlan has as many hellos a session for a stranger as it is told, ever farther apart", () => {
  const plan = new HelloPlan(4);
  plan.begin(0);
  assert.deepEqual(hellosUntil(plan, 1e6), [0, 500, 1_500, 3_500]);
  plan.begin(1e6);
  assert.deepEqual(hellosUntil(plan, 1e6), [1e6]);
  plan.onHeard();
  assert.deepEqual(hellosUntil(plan, 2e6), []);
});

Deno.test("HelloPlan repeats the hello to a peer that knows paths until the peer's own is heard", () => {
  const plan = new HelloPlan();
  plan.begin(0);
  assert.deepEqual(hellosUntil(plan, 100), [0]);
  plan.onKnown(100);
  plan.onKnown(500);
  assert.deepEqual(hellosUntil(plan, 30_000), [600, 1_600, 3_600, 7_600, 15_600, 23_600]);
  plan.onHeard();
  assert.equal(plan.dueMs, Infinity);
  plan.onKnown(31_000);
  plan.begin(120_000);
  assert.deepEqual(hellosUntil(plan, 1e6), []);
});
