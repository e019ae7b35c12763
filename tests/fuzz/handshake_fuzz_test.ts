/**
 * What strangers may send to the handshake: it is refused with a reason and changes nothing.
 *
 * fast-check prints seed and path of a failing run.
 *
 * @module
 */

import { strict as assert } from "node:assert";
import fc from "fast-check";
import { seededRandom } from "../../src/base/random.ts";
import { Reason, REASON_COUNT } from "../../src/base/reason.ts";
import { CookieChecker, CookieJar } from "../../src/noise/cookie.ts";
import {
  consumeInitiation,
  consumeResponse,
  createIdentity,
  createInitiation,
  createRemoteStatic,
} from "../../src/noise/handshake.ts";
import { equalOctets, noblePrimitives as primitives } from "../../src/noise/primitives.ts";
import { checkHandshake, HANDSHAKE_MAC_LEN, handshakeLength } from "../../src/wire/handshake_message.ts";
import { checkTransport, mayBeUntypedKeepalive } from "../../src/wire/transport_message.ts";
import { HANDSHAKE_VECTOR as V } from "../vectors/handshake.ts";

const initiator = createIdentity(primitives, V.initiatorPrivateKey);
const responder = createIdentity(primitives, V.responderPrivateKey);
const toResponder = createRemoteStatic(primitives, initiator, V.responderPublicKey, V.presharedKey)!;
const toInitiator = createRemoteStatic(primitives, responder, V.initiatorPublicKey, V.presharedKey)!;

const GOOD_MESSAGES = [V.initiation, V.response, V.cookieReply, V.transport, V.keepalive];

/** Octets of any length, preferably those of a message, preferably with a meaningful type. */
const garbage = fc.tuple(
  fc.constantFrom(0, 1, 2, 3, 4, 255),
  fc.oneof(fc.constantFrom(144, 88, 60, 29), fc.integer({ min: 0, max: 200 })),
  fc.infiniteStream(fc.integer({ min: 0, max: 255 })),
).map(([type, length, stream]) => Uint8Array.from([type, ...stream.take(length)]));

/** A recorded message with some octets changed, and perhaps cut or prolonged. */
const mutated = fc.tuple(
  fc.constantFrom(...GOOD_MESSAGES),
  fc.array(fc.tuple(fc.nat(144), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }),
  fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.integer({ min: -30, max: 30 }) }),
).map(([message, changes, growth]) => {
  const changed = new Uint8Array(message.length + growth);
  changed.set(message.subarray(0, changed.length));
  for (const [at, mask] of changes) if (at < changed.length) changed[at] ^= mask;
  return changed;
  // Two changes of one octet may undo each other.
}).filter((changed) => !GOOD_MESSAGES.some((message) => equalOctets(message, changed)));

const anyInput = fc.oneof(garbage, mutated, fc.constant(new Uint8Array(0)), fc.constant(new Uint8Array(32)));

function isReason(reason: number): boolean {
  return Number.isInteger(reason) && reason > Reason.NONE && reason < REASON_COUNT;
}

Deno.test("the handshake refuses any input with a reason, never throws, and completes afterwards", () => {
  const { state } = createInitiation(primitives, initiator, toResponder, {
    ephemeralPrivateKey: V.initiatorEphemeral,
    senderIndex: V.initiatorIndex,
    timestamp: V.timestamp,
  });
  fc.assert(
    fc.property(anyInput, (input) => {
      const before = input.slice();
      const atResponder = consumeInitiation(primitives, responder, input, () => toInitiator);
      if (atResponder.ok) assert.deepEqual(input.subarray(5, 113), V.initiation.subarray(5, 113));
      else assert.ok(isReason(atResponder.reason));
      const atInitiator = consumeResponse(primitives, initiator, state, input, V.presharedKey);
      if (atInitiator.ok) assert.deepEqual(input.subarray(5, 57), V.response.subarray(5, 57));
      else assert.ok(isReason(atInitiator.reason));
      assert.deepEqual(input, before);
    }),
    { numRuns: 300 },
  );
  assert.ok(consumeResponse(primitives, initiator, state, V.response, V.presharedKey).ok);
});

Deno.test("the MAC checks accept no changed message, and a jar takes no changed cookie reply", () => {
  const checker = new CookieChecker(primitives, responder.publicKey, seededRandom(3));
  const jar = new CookieJar(primitives, responder.publicKey);
  jar.stamp(V.initiation.slice(), 0);
  fc.assert(
    fc.property(anyInput, (input) => {
      const form = checkHandshake(input, 0, input.length);
      if (form === Reason.NONE && input[0] < 2) {
        const covered = handshakeLength(input[0]) - HANDSHAKE_MAC_LEN;
        const isOriginal = equalOctets(input.subarray(0, covered), V.initiation.subarray(0, covered));
        assert.equal(checker.checkMac1(input), isOriginal);
        assert.equal(checker.checkMac2(input, V.cookieSource, 0), false);
        assert.equal(checker.createReply(input, V.cookieSource, 0).length, V.cookieReply.length);
      }
      assert.ok(isReason(jar.consumeReply(input, 0)));
    }),
    { numRuns: 500 },
  );
  assert.equal(jar.consumeReply(V.cookieReply, 0), Reason.NONE);
});

Deno.test("every input is at most one of handshake, transport message and untyped keepalive", () => {
  fc.assert(
    fc.property(anyInput, (input) => {
      const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
      const forms = [
        checkHandshake(input, 0, input.length) === Reason.NONE,
        checkTransport(view, 0, input.length) === Reason.NONE,
        mayBeUntypedKeepalive(view, 0, input.length),
      ];
      assert.ok(forms.filter(Boolean).length <= 1);
    }),
    { numRuns: 500 },
  );
});
