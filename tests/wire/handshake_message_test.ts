import { strict as assert } from "node:assert";
import fc from "fast-check";
import { Reason } from "../../src/base/reason.ts";
import {
  checkCookieReply,
  checkHandshake,
  checkInitiation,
  checkResponse,
  COOKIE_REPLY_COOKIE,
  COOKIE_REPLY_LEN,
  COOKIE_REPLY_NONCE,
  handshakeLength,
  INITIATION_EPHEMERAL,
  INITIATION_LEN,
  INITIATION_STATIC,
  INITIATION_TIMESTAMP,
  mac1Offset,
  mac2Offset,
  readCookieReplyReceiverIndex,
  readMisplacedSenderIndex,
  readResponseReceiverIndex,
  readSenderIndex,
  RESPONSE_EMPTY,
  RESPONSE_EPHEMERAL,
  RESPONSE_LEN,
  writeCookieReplyHeader,
  writeInitiationHeader,
  writeResponseHeader,
} from "../../src/wire/handshake_message.ts";
import { MessageType } from "../../src/wire/message_type.ts";
import { HANDSHAKE_VECTOR as V } from "../vectors/handshake.ts";

const MESSAGES = [
  { name: "checkInitiation", check: checkInitiation, type: MessageType.INITIATION, octets: V.initiation },
  { name: "checkResponse", check: checkResponse, type: MessageType.RESPONSE, octets: V.response },
  { name: "checkCookieReply", check: checkCookieReply, type: MessageType.COOKIE_REPLY, octets: V.cookieReply },
];

const index32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });

Deno.test("offsets and lengths, computed from their parts, are those of wire.md §1.2 to §1.4", () => {
  assert.deepEqual([INITIATION_EPHEMERAL, INITIATION_STATIC, INITIATION_TIMESTAMP, INITIATION_LEN], [5, 37, 85, 145]);
  assert.deepEqual([mac1Offset(MessageType.INITIATION), mac2Offset(MessageType.INITIATION)], [113, 129]);
  assert.deepEqual([RESPONSE_EPHEMERAL, RESPONSE_EMPTY, RESPONSE_LEN], [9, 41, 89]);
  assert.deepEqual([mac1Offset(MessageType.RESPONSE), mac2Offset(MessageType.RESPONSE)], [57, 73]);
  assert.deepEqual([COOKIE_REPLY_NONCE, COOKIE_REPLY_COOKIE, COOKIE_REPLY_LEN], [5, 29, 61]);
});

Deno.test("handshakeLength() is 0 for every type that is no handshake", () => {
  for (let type = 0; type < 256; type++) assert.equal(handshakeLength(type), [145, 89, 61][type] ?? 0);
});

Deno.test("the readers return the indices of the vector", () => {
  assert.equal(readSenderIndex(V.initiation, 0), V.initiatorIndex);
  assert.equal(readSenderIndex(V.response, 0), V.responderIndex);
  assert.equal(readResponseReceiverIndex(V.response, 0), V.initiatorIndex);
  assert.equal(readCookieReplyReceiverIndex(V.cookieReply, 0), V.initiatorIndex);
});

Deno.test("readMisplacedSenderIndex() reads octets 4 to 7", () => {
  assert.equal(readMisplacedSenderIndex(Uint8Array.of(9, 9, 9, 9, 1, 2, 3, 0xf4, 9), 0), 0xf4030201);
});

Deno.test("the readers return what the writers wrote, at any offset", () => {
  fc.assert(fc.property(index32, index32, fc.integer({ min: 0, max: 9 }), (sender, receiver, offset) => {
    const octets = new Uint8Array(offset + INITIATION_LEN).fill(0x5a);
    writeInitiationHeader(octets, offset, sender);
    assert.equal(octets[offset], MessageType.INITIATION);
    assert.equal(readSenderIndex(octets, offset), sender);
    writeResponseHeader(octets, offset, sender, receiver);
    assert.equal(octets[offset], MessageType.RESPONSE);
    assert.equal(readSenderIndex(octets, offset), sender);
    assert.equal(readResponseReceiverIndex(octets, offset), receiver);
    writeCookieReplyHeader(octets, offset, receiver);
    assert.equal(octets[offset], MessageType.COOKIE_REPLY);
    assert.equal(readCookieReplyReceiverIndex(octets, offset), receiver);
    assert.ok(octets.subarray(0, offset).every((octet) => octet === 0x5a));
    assert.ok(octets.subarray(offset + 9).every((octet) => octet === 0x5a));
  }));
});

for (const { name, check, type, octets } of MESSAGES) {
  Deno.test(`${name}() accepts the vector's message alone and within a larger buffer`, () => {
    assert.equal(check(octets, 0, octets.length), Reason.NONE);
    assert.equal(checkHandshake(octets, 0, octets.length), Reason.NONE);
    const larger = new Uint8Array(octets.length + 20).fill(0xff);
    larger.set(octets, 7);
    assert.equal(check(larger, 7, octets.length), Reason.NONE);
  });

  Deno.test(`${name}() refuses the message at every other length`, () => {
    const long = new Uint8Array(200);
    long.set(octets);
    for (let length = 0; length <= long.length; length++) {
      const expected = length === octets.length
        ? Reason.NONE
        : length === 0
        ? Reason.DATAGRAM_TRUNCATED
        : Reason.HANDSHAKE_LENGTH;
      assert.equal(check(long, 0, length), expected, `length ${length}`);
      assert.equal(checkHandshake(long, 0, length), expected, `length ${length}`);
    }
  });

  Deno.test(`${name}() refuses the message with every other type`, () => {
    for (let other = 0; other < 256; other++) {
      const changed = octets.slice();
      changed[0] = other;
      const expected = other === type ? Reason.NONE : Reason.HANDSHAKE_LENGTH;
      assert.equal(check(changed, 0, changed.length), expected, `type ${other}`);
      assert.equal(checkHandshake(changed, 0, changed.length), expected, `type ${other}`);
    }
  });
}
