import { strict as assert } from "node:assert";
import fc from "fast-check";
import { Reason } from "../../src/base/reason.ts";
import { MessageType } from "../../src/wire/message_type.ts";
import {
  checkTransport,
  COUNTER_LIMIT,
  KEEPALIVE_LEN,
  mayBeUntypedKeepalive,
  paddedContentLength,
  readCounter,
  readCounterHigh,
  readCounterLow,
  readReceiverIndex,
  readTtl,
  readType,
  TRANSPORT_HEADER_LEN,
  writeTransportHeader,
  writeTransportNonce,
} from "../../src/wire/transport_message.ts";
import { HANDSHAKE_VECTOR as V } from "../vectors/handshake.ts";
import { viewOf } from "./message_vector.ts";

/** Samples of wire.md §3.2, observed on a reference node. */
const PADDING_SAMPLES = [
  { mtu: 1404, samples: [[1, 15], [17, 15], [1418, 4], [1422, 0], [1423, 15], [1434, 4], [2844, 0]] },
  { mtu: 1500, samples: [[1, 15], [1418, 6], [1518, 0], [1519, 15], [2000, 14], [3036, 0]] },
] as const;

const COUNTERS = [0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 45 + 12345, COUNTER_LIMIT - 1];

Deno.test("writeTransportHeader() makes the headers of the vector", () => {
  const octets = new Uint8Array(TRANSPORT_HEADER_LEN);
  writeTransportHeader(viewOf(octets), 0, MessageType.NORMAL, 200, V.responderIndex, 5);
  assert.deepEqual(octets, V.transport.slice(0, TRANSPORT_HEADER_LEN));
  writeTransportHeader(viewOf(octets), 0, MessageType.TRANSPORT, 0, V.responderIndex, 0);
  assert.deepEqual(octets, V.keepalive.slice(0, TRANSPORT_HEADER_LEN));
});

Deno.test("the readers return the fields of the vector", () => {
  const view = viewOf(V.transport);
  assert.equal(checkTransport(view, 0, V.transport.length), Reason.NONE);
  assert.equal(readType(view, 0), MessageType.NORMAL);
  assert.equal(readTtl(view, 0), 200);
  assert.equal(readReceiverIndex(view, 0), V.responderIndex);
  assert.equal(readCounter(view, 0), 5);
});

Deno.test("the readers return what writeTransportHeader() wrote, at any offset", () => {
  const octet = fc.integer({ min: 0, max: 255 });
  const index = fc.integer({ min: 0, max: 2 ** 32 - 1 });
  const counter = fc.oneof(fc.constantFrom(...COUNTERS), fc.integer({ min: 0, max: COUNTER_LIMIT - 1 }));
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 40 }), octet, octet, index, counter, (offset, type, ttl, receiver, count) => {
      const octets = new Uint8Array(offset + TRANSPORT_HEADER_LEN + 1).fill(0x5a);
      const view = viewOf(octets);
      writeTransportHeader(view, offset, type, ttl, receiver, count);
      assert.equal(readType(view, offset), type);
      assert.equal(readTtl(view, offset), ttl);
      assert.equal(readReceiverIndex(view, offset), receiver);
      assert.equal(readCounter(view, offset), count);
      assert.equal(readCounterHigh(view, offset) * 2 ** 32 + readCounterLow(view, offset), count);
      assert.ok(octets.subarray(0, offset).every((value) => value === 0x5a) && octets.at(-1) === 0x5a);
    }),
  );
});

Deno.test("writeTransportNonce() writes four zero octets and the counter as in the header", () => {
  for (const counter of COUNTERS) {
    const octets = new Uint8Array(12).fill(0xff);
    writeTransportNonce(viewOf(octets), 0, counter);
    const expected = new DataView(new ArrayBuffer(12));
    expected.setBigUint64(4, BigInt(counter), true);
    assert.deepEqual(octets, new Uint8Array(expected.buffer));
  }
});

Deno.test("checkTransport() refuses a message cut at any length below 30", () => {
  for (let length = 0; length < KEEPALIVE_LEN; length++) {
    assert.equal(checkTransport(viewOf(V.keepalive.slice(0, length)), 0, length), Reason.DATAGRAM_TRUNCATED);
  }
  assert.equal(checkTransport(viewOf(V.keepalive), 0, KEEPALIVE_LEN), Reason.NONE);
});

Deno.test("checkTransport() refuses the handshake types and accepts every other", () => {
  for (let type = 0; type < 256; type++) {
    const octets = V.transport.slice();
    octets[0] = type;
    assert.equal(checkTransport(viewOf(octets), 0, octets.length), type < 3 ? Reason.HANDSHAKE_LENGTH : Reason.NONE);
  }
});

Deno.test("checkTransport() refuses a counter of 2^53 and above", () => {
  const octets = V.transport.slice();
  const cases = [
    [COUNTER_LIMIT - 1, Reason.NONE],
    [COUNTER_LIMIT, Reason.COUNTER_LIMIT],
    [2 ** 63, Reason.COUNTER_LIMIT],
  ];
  for (const [counter, reason] of cases) {
    viewOf(octets).setBigUint64(6, BigInt(counter), true);
    assert.equal(checkTransport(viewOf(octets), 0, octets.length), reason, `counter ${counter}`);
  }
});

Deno.test("mayBeUntypedKeepalive() is true only for 30 octets of type 0 with a counter in range", () => {
  const octets = V.keepalive.slice();
  assert.equal(mayBeUntypedKeepalive(viewOf(octets), 0, octets.length), false);
  octets[0] = 0;
  assert.equal(mayBeUntypedKeepalive(viewOf(octets), 0, octets.length), true);
  assert.equal(mayBeUntypedKeepalive(viewOf(octets), 0, octets.length - 1), false);
  octets[13] = 0xff;
  assert.equal(mayBeUntypedKeepalive(viewOf(octets), 0, octets.length), false);
  assert.equal(mayBeUntypedKeepalive(viewOf(new Uint8Array(32)), 0, 32), false);
});

for (const { mtu, samples } of PADDING_SAMPLES) {
  Deno.test(`paddedContentLength() pads as the reference node does with an MTU of ${mtu}`, () => {
    for (const [length, padding] of samples) {
      assert.equal(paddedContentLength(length, mtu), length + padding, `content of ${length} octets`);
    }
  });
}

Deno.test("paddedContentLength() leaves a keepalive empty", () => {
  assert.equal(paddedContentLength(0, 1404), 0);
});

Deno.test("paddedContentLength() adds 0 to 15 octets, and none to what is padded already", () => {
  const length = fc.integer({ min: 0, max: 65535 });
  fc.assert(fc.property(length, fc.integer({ min: 576, max: 65535 }), (contentLength, mtu) => {
    const padded = paddedContentLength(contentLength, mtu);
    assert.ok(padded >= contentLength && padded - contentLength < 16);
    const remainder = padded % (mtu + 18);
    assert.ok(remainder % 16 === 0 || padded === mtu + 18);
    if (padded <= mtu + 18) assert.equal(paddedContentLength(padded, mtu), padded);
  }));
});
