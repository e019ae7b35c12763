import { strict as assert } from "node:assert";
import { monotonicMs, wallClockMs } from "../../src/base/clock.ts";

Deno.test("monotonicMs() never steps back", () => {
  let previous = monotonicMs();
  for (let count = 0; count < 1000; count++) {
    const next = monotonicMs();
    assert.ok(next >= previous);
    previous = next;
  }
});

Deno.test("wallClockMs() counts from 1970", () => {
  const nowMs = wallClockMs();
  assert.ok(nowMs > Date.UTC(2024, 0) && nowMs < Date.UTC(2200, 0));
});
