import fc from "fast-check";
import { strict as assert } from "node:assert";
import { Reason } from "../../src/base/reason.ts";
import {
  datagramLength,
  type PathMessage,
  readPathMessage,
  writePathMessage,
} from "../../src/control/path_exchange.ts";
import { EG_HEADER_LEN } from "../../src/wire/eg_header.ts";
import { PATH_PROBE_LEN } from "../../src/wire/path_message.ts";
import { fullDatagramLength, paddedContentLength, PADDING_UNIT } from "../../src/wire/transport_message.ts";
import { contentOf } from "../dataplane/datagram.ts";

const MTU = 1404;
const path = fc.nat(3);
const id = fc.nat(0xffffffff);
const flags = fc.nat(255);

const anyMessage: fc.Arbitrary<PathMessage> = fc.oneof(
  fc.record({
    kind: fc.constant("hello" as const),
    isAck: fc.boolean(),
    capabilities: fc.nat(0xffff),
    fakeTcpPort: fc.nat(0xffff),
  }),
  fc.record({ kind: fc.constant("probe" as const), path, id }),
  fc.record({
    kind: fc.constant("reply" as const),
    path,
    flags,
    id,
    receivedLen: fc.nat(65_535),
    receivedCount: fc.nat(0xffffffff),
  }),
  fc.record({ kind: fc.constant("report" as const), path, flags }),
);

Deno.test("readPathMessage() gives back what writePathMessage() wrote, whatever padding follows", () => {
  fc.assert(fc.property(anyMessage, fc.nat(1500), fc.nat(64), (message, datagramLen, padding) => {
    const body = writePathMessage(message, datagramLen, MTU);
    assert.deepEqual(readPathMessage(contentOf(2, 1, new Uint8Array([...body, ...new Uint8Array(padding)]))), {
      ...message,
    });
  }));
});

Deno.test("readPathMessage() names a reason for whatever isn't one, and never fails", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (content) => {
    const message = readPathMessage(content);
    const reasons: unknown[] = [Reason.CONTENT_TRUNCATED, Reason.USAGE_UNKNOWN];
    assert.ok(typeof message === "object" || reasons.includes(message));
  }));
});

Deno.test("readPathMessage() refuses a path that there is none of", () => {
  for (const kind of [2, 3, 4]) {
    const body = new Uint8Array(20);
    body.set([kind, 1, 4]);
    assert.equal(readPathMessage(contentOf(2, 1, body)), Reason.USAGE_UNKNOWN);
  }
});

/** Length of the datagram that the device makes of a probe. */
function probeDatagramLength(datagramLen: number, mtu: number): number {
  const { length } = writePathMessage({ kind: "probe", path: 1, id: 7 }, datagramLen, mtu);
  // An interface with a tiny MTU doesn't blow control messages up, see device/send.ts.
  return datagramLength(paddedContentLength(EG_HEADER_LEN + length, Math.max(mtu, 576)));
}

Deno.test("a probe of full length is exactly as long as a full frame, for every MTU", () => {
  for (let mtu = 576; mtu <= 9_200; mtu++) {
    assert.equal(probeDatagramLength(fullDatagramLength(mtu), mtu), fullDatagramLength(mtu));
  }
});

Deno.test("a probe is never longer than wished, and shorter by less than the padding", () => {
  const least = datagramLength(EG_HEADER_LEN + PATH_PROBE_LEN);
  fc.assert(fc.property(fc.integer({ min: 68, max: 9_200 }), fc.integer({ min: least, max: 9_300 }), (mtu, wished) => {
    fc.pre(wished <= fullDatagramLength(Math.max(mtu, 576)));
    const length = probeDatagramLength(wished, mtu);
    assert.ok(length <= wished && length > wished - PADDING_UNIT, `${length} for ${wished} with MTU ${mtu}`);
  }));
});

Deno.test("a probe has room for its fields, however short it is wished", () => {
  for (const wished of [0, 1, 45]) assert.equal(probeDatagramLength(wished, MTU), 46);
});
