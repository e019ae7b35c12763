import { strict as assert } from "node:assert";
import { createFrameBurst, type TapDevice } from "../../src/tap/device.ts";
import { DummyTap } from "../../src/tap/dummy.ts";

Deno.test("DummyTap never has frames, and takes any number of them", () => {
  using tap: TapDevice = new DummyTap();
  assert.equal(tap.fd, -1);
  assert.ok(tap.readBurst(createFrameBurst()) <= 0);
  const [octets, words] = [new Uint8Array(0), new Uint32Array(0)];
  assert.equal(tap.writeBurst(octets, octets, words, words, 7, new Int32Array(7)), 7);
});
