import { strict as assert } from "node:assert";
import { allocatedPerCall } from "./allocation.ts";

const octets = new Uint8Array(4096);
let sink: unknown;
let total = 0;

Deno.test("allocatedPerCall() finds nothing in a loop over numbers", () => {
  const bytes = allocatedPerCall(() => {
    for (let i = 0; i < 64; i++) total = (total + octets[i]) & 0xffff;
  });
  assert.equal(bytes, 0);
});

Deno.test("allocatedPerCall() finds a single subarray in a burst", () => {
  const bytes = allocatedPerCall(() => {
    for (let i = 0; i < 64; i++) total = (total + octets[i]) & 0xffff;
    sink = octets.subarray(1, 2);
  });
  assert.ok(bytes >= 50 && bytes < 500, `${bytes} bytes`);
  assert.ok(sink instanceof Uint8Array);
});

Deno.test("allocatedPerCall() finds a single small object in every hundredth burst", () => {
  let call = 0;
  const bytes = allocatedPerCall(() => {
    call = (call + 1) % 100;
    if (call === 0) sink = { call };
  });
  assert.ok(bytes >= 0.1 && bytes < 1, `${bytes} bytes`);
});
