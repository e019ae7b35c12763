import { strict as assert } from "node:assert";
import { parseEndpoint } from "../../src/base/endpoint.ts";
import { createTransmit, Outbox, OUTBOX_CAPACITY } from "../../src/device/outbox.ts";

const ENDPOINT = parseEndpoint("192.0.2.1:3001") ?? new Uint32Array(12);

Deno.test("pollTransmit() gives out datagrams in order, with a copy of their endpoint", () => {
  const outbox = new Outbox();
  const endpoint = ENDPOINT.slice();
  outbox.send(endpoint, 0, Uint8Array.of(1, 2, 3), 7, 2);
  outbox.send(endpoint, 0, Uint8Array.of(4), -1, 1);
  endpoint.fill(0);
  const out = createTransmit();
  assert.equal(outbox.pollTransmit(out), true);
  assert.deepEqual([...out.octets.subarray(0, out.length)], [1, 2, 3]);
  assert.deepEqual(out.endpoint, ENDPOINT);
  assert.deepEqual([out.peerRow, out.path], [7, 2]);
  assert.equal(outbox.pollTransmit(out), true);
  assert.deepEqual([...out.octets.subarray(0, out.length)], [4]);
  assert.equal(outbox.pollTransmit(out), false);
});

Deno.test("send() refuses what exceeds its capacity", () => {
  const outbox = new Outbox();
  for (let count = 0; count < OUTBOX_CAPACITY; count++) {
    assert.equal(outbox.send(ENDPOINT, 0, Uint8Array.of(1), 0, 1), true);
  }
  assert.equal(outbox.send(ENDPOINT, 0, Uint8Array.of(1), 0, 1), false);
});

Deno.test("pollEvent() gives out events in order and one wish to wake the lanes", () => {
  const outbox = new Outbox();
  assert.equal(outbox.isEmpty, true);
  outbox.wakeLanes();
  outbox.report({ kind: "endpoint changed", peerRow: 1, path: 1 });
  outbox.wakeLanes();
  assert.equal(outbox.isEmpty, false);
  assert.deepEqual(outbox.pollEvent(), { kind: "endpoint changed", peerRow: 1, path: 1 });
  assert.deepEqual(outbox.pollEvent(), { kind: "wake lanes" });
  assert.equal(outbox.pollEvent(), undefined);
  assert.equal(outbox.isEmpty, true);
});
