import { strict as assert } from "node:assert";
import { LOG_INTERVAL_MS, LogThrottle } from "../../src/device/log_throttle.ts";

Deno.test("permits() lets one line of a kind through per minute", () => {
  const throttle = new LogThrottle();
  assert.equal(throttle.permits("a", 0), true);
  assert.equal(throttle.permits("a", LOG_INTERVAL_MS - 1), false);
  assert.equal(throttle.permits("b", LOG_INTERVAL_MS - 1), true);
  assert.equal(throttle.permits("a", LOG_INTERVAL_MS), true);
  assert.equal(throttle.permits("a", 2 * LOG_INTERVAL_MS - 1), false);
});
