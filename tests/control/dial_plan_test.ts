import { strict as assert } from "node:assert";
import { DIAL_HANDSHAKE_MS, DIAL_PATIENCE_MS, DIAL_WARM_MS, DialPlan } from "../../src/control/dial_plan.ts";

Deno.test("DialPlan lets the node with the lower NodeId dial soon, and the other one wait", () => {
  for (const [dialsFirst, dueMs] of [[true, 1000 + DIAL_WARM_MS], [false, 1000 + DIAL_PATIENCE_MS]] as const) {
    const plan = new DialPlan(dialsFirst);
    assert.equal(plan.dueMs, Infinity);
    plan.wantWarm(1000);
    assert.equal(plan.dueMs, dueMs);
    plan.wantWarm(2000);
    assert.equal(plan.dueMs, dueMs, "asking again delays nothing");
  }
});

Deno.test("DialPlan lets a handshake without an answer wait for nobody", () => {
  for (const dialsFirst of [true, false]) {
    const plan = new DialPlan(dialsFirst);
    plan.wantForHandshake(1000);
    assert.equal(plan.dueMs, 1000 + DIAL_HANDSHAKE_MS);
  }
});

Deno.test("DialPlan lets nothing be due while a dial goes on, nor while there is a connection", () => {
  const plan = new DialPlan(true);
  plan.wantWarm(0);
  plan.onDial();
  assert.equal(plan.dueMs, Infinity);
  plan.wantWarm(100);
  plan.onOpened(200);
  assert.equal(plan.dueMs, Infinity);
});

Deno.test("DialPlan waits twice as long after each failure, up to a minute, whatever is wanted meanwhile", () => {
  const plan = new DialPlan(true);
  plan.wantWarm(0);
  const waits: number[] = [];
  let nowMs = 0;
  for (let failures = 0; failures < 9; failures++) {
    plan.onDial();
    plan.onClosed(nowMs);
    plan.wantForHandshake(nowMs);
    waits.push(plan.dueMs - nowMs);
    nowMs = plan.dueMs;
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60].map((seconds) => seconds * 1000));
});

Deno.test("DialPlan lets the higher NodeId be patient after a failure, too", () => {
  const plan = new DialPlan(false);
  plan.wantWarm(0);
  plan.onDial();
  plan.onClosed(0);
  assert.equal(plan.dueMs, 1_000 + DIAL_PATIENCE_MS);
});

Deno.test("DialPlan forgets failures once a connection has lasted half a minute, and not before", () => {
  for (const [lastedMs, waitMs] of [[29_999, 4_000], [30_000, 1_000]]) {
    const plan = new DialPlan(true);
    plan.wantWarm(0);
    for (let failures = 0; failures < 2; failures++) plan.onClosed(0);
    plan.onOpened(10_000);
    plan.onClosed(10_000 + lastedMs);
    assert.equal(plan.dueMs, 10_000 + lastedMs + waitMs);
  }
});

Deno.test("DialPlan dials no more after a failure if it was only wanted for a handshake that is done", () => {
  const plan = new DialPlan(true);
  plan.wantForHandshake(0);
  plan.onDial();
  plan.cancel();
  plan.onClosed(1_000);
  assert.equal(plan.dueMs, Infinity);
  plan.wantForHandshake(1_000);
  assert.equal(plan.dueMs, 2_000);
});

Deno.test("DialPlan replaces a connection that is lost, even if nobody asked for one", () => {
  const plan = new DialPlan(true);
  plan.onOpened(0);
  plan.onClosed(100);
  assert.equal(plan.dueMs, 1_100);
});

Deno.test("DialPlan leaves a peer alone until a given time", () => {
  const plan = new DialPlan(true);
  plan.postpone(600_000);
  plan.wantWarm(1_000);
  plan.wantForHandshake(1_000);
  assert.equal(plan.dueMs, 600_000);
});

Deno.test("DialPlan lets neither side wait for the other if both are to dial", () => {
  for (const dialsFirst of [true, false]) {
    const plan = new DialPlan(dialsFirst);
    plan.isMutual = true;
    plan.wantWarm(1000);
    assert.equal(plan.dueMs, 1000 + DIAL_WARM_MS);
    plan.onDial();
    plan.onClosed(2000);
    assert.equal(plan.dueMs, 3000);
  }
});

Deno.test("DialPlan.restart() forgets failures, but dials only who is wanted, and nobody who rests", () => {
  const plan = new DialPlan(true);
  plan.restart(0);
  assert.equal(plan.dueMs, Infinity);
  plan.wantForHandshake(0);
  for (let failures = 0; failures < 5; failures++) plan.onClosed(0);
  plan.restart(1000);
  assert.equal(plan.dueMs, 1000 + DIAL_HANDSHAKE_MS);
  plan.onClosed(2000);
  assert.equal(plan.dueMs, 3000);
  plan.postpone(600_000);
  plan.restart(4000);
  assert.equal(plan.dueMs, 600_000);
});
