import { strict as assert } from "node:assert";
import {
  DEFAULT_TIMER_PARAMS,
  newHandshakeAfterMs,
  rekeyOnReceiveAfterMs,
  zeroKeysAfterMs,
} from "../../src/noise/constants.ts";

Deno.test("the derived times are those of the specification by default", () => {
  assert.equal(rekeyOnReceiveAfterMs(DEFAULT_TIMER_PARAMS), 165_000);
  assert.equal(newHandshakeAfterMs(DEFAULT_TIMER_PARAMS), 15_000);
  assert.equal(zeroKeysAfterMs(DEFAULT_TIMER_PARAMS), 540_000);
});
