import { strict as assert } from "node:assert";
import { Reason, REASON_COUNT, REASON_NAMES } from "../../src/base/reason.ts";

Deno.test("Reason numbers its members from 0 without a gap, so that they index a row of counters", () => {
  assert.deepEqual(Object.values(Reason), Array.from({ length: REASON_COUNT }, (_, number) => number));
  assert.equal(Reason.NONE, 0);
});

Deno.test("REASON_NAMES has the name of each reason at its number", () => {
  assert.equal(REASON_NAMES[Reason.HANDSHAKE_UNKNOWN_PEER], "handshake-unknown-peer");
  assert.equal(REASON_NAMES[Reason.REPLAY], "replay");
  assert.equal(new Set(REASON_NAMES).size, REASON_COUNT);
});
