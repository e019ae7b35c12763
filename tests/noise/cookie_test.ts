import { strict as assert } from "node:assert";
import { type RandomSource, seededRandom } from "../../src/base/random.ts";
import { Reason } from "../../src/base/reason.ts";
import { COOKIE_LIFETIME_MS } from "../../src/noise/constants.ts";
import { CookieChecker, CookieJar } from "../../src/noise/cookie.ts";
import { noblePrimitives, type Primitives } from "../../src/noise/primitives.ts";
import { readMisplacedSenderIndex, writeCookieReplyHeader } from "../../src/wire/handshake_message.ts";
import { nodePrimitives } from "../reference/node_primitives.ts";
import { HANDSHAKE_VECTOR as V } from "../vectors/handshake.ts";

const NOW_MS = 5_000;

/** Yields the given octets, one array a call. */
function scriptedRandom(...script: Uint8Array[]): RandomSource {
  return {
    fill: (target) => target.set(script.shift() ?? assert.fail("more randomness than the script has")),
    uint32: () => assert.fail("not used"),
  };
}

/** The responder's checker with the vector's secret and nonce. */
function vectorChecker(primitives: Primitives = noblePrimitives): CookieChecker {
  const random = scriptedRandom(V.cookieSecret, V.cookieReply.slice(5, 29));
  return new CookieChecker(primitives, V.responderPublicKey, random);
}

/** The initiator's jar after it has stamped the vector's initiation. */
function vectorJar(primitives: Primitives = noblePrimitives): CookieJar {
  const jar = new CookieJar(primitives, V.responderPublicKey);
  jar.stamp(V.initiation.slice(), NOW_MS);
  return jar;
}

/** The initiation stamped with what the jar holds. */
function stamped(jar: CookieJar, nowMs: number): Uint8Array {
  const message = V.initiation.slice();
  jar.stamp(message, nowMs);
  return message;
}

for (const primitives of [noblePrimitives, nodePrimitives]) {
  const title = `with ${primitives.name} primitives`;

  Deno.test(`createReply() makes the vector's cookie reply ${title}`, () => {
    assert.deepEqual(vectorChecker(primitives).createReply(V.initiation, V.cookieSource, NOW_MS), V.cookieReply);
  });

  Deno.test(`stamp() makes the vector's MAC2 once the vector's cookie reply was consumed ${title}`, () => {
    const jar = vectorJar(primitives);
    assert.equal(jar.consumeReply(V.cookieReply, NOW_MS), Reason.NONE);
    const message = stamped(jar, NOW_MS);
    assert.deepEqual(message.subarray(129), V.initiationMac2);
    const checker = vectorChecker(primitives);
    checker.createReply(V.initiation, V.cookieSource, NOW_MS);
    assert.equal(checker.checkMac2(message, V.cookieSource, NOW_MS), true);
  });

  Deno.test(`checkMac1() accepts both messages of the vector, each at its recipient only ${title}`, () => {
    const responder = new CookieChecker(primitives, V.responderPublicKey, seededRandom(1));
    const initiator = new CookieChecker(primitives, V.initiatorPublicKey, seededRandom(1));
    assert.equal(responder.checkMac1(V.initiation), true);
    assert.equal(initiator.checkMac1(V.initiation), false);
    assert.equal(initiator.checkMac1(V.response), true);
    assert.equal(responder.checkMac1(V.response), false);
  });
}

Deno.test("the cookie flow also covers a response", () => {
  const checker = new CookieChecker(noblePrimitives, V.initiatorPublicKey, seededRandom(7));
  const jar = new CookieJar(noblePrimitives, V.initiatorPublicKey);
  const message = V.response.slice();
  jar.stamp(message, NOW_MS);
  assert.deepEqual(message, V.response);
  assert.equal(jar.consumeReply(checker.createReply(message, V.cookieSource, NOW_MS), NOW_MS), Reason.NONE);
  jar.stamp(message, NOW_MS);
  assert.equal(checker.checkMac1(message), true);
  assert.equal(checker.checkMac2(message, V.cookieSource, NOW_MS), true);
});

Deno.test("checkMac2() refuses before any cookie was handed out, a zero MAC2 and another source", () => {
  const checker = new CookieChecker(noblePrimitives, V.responderPublicKey, seededRandom(7));
  assert.equal(checker.checkMac2(V.initiation, V.cookieSource, NOW_MS), false);
  const jar = vectorJar();
  jar.consumeReply(checker.createReply(V.initiation, V.cookieSource, NOW_MS), NOW_MS);
  assert.equal(checker.checkMac2(V.initiation, V.cookieSource, NOW_MS), false);
  const message = stamped(jar, NOW_MS);
  assert.equal(checker.checkMac2(message, V.cookieSource, NOW_MS), true);
  assert.equal(checker.checkMac2(message, Uint8Array.of(192, 0, 2, 2, 0x39, 0x30), NOW_MS), false);
});

Deno.test("checkMac2() refuses once the secret is older than 120 s, and a renewed secret makes other cookies", () => {
  const checker = new CookieChecker(noblePrimitives, V.responderPublicKey, seededRandom(7));
  const jar = vectorJar();
  jar.consumeReply(checker.createReply(V.initiation, V.cookieSource, NOW_MS), NOW_MS);
  const message = stamped(jar, NOW_MS);
  const lastMs = NOW_MS + COOKIE_LIFETIME_MS;
  assert.equal(checker.checkMac2(message, V.cookieSource, lastMs), true);
  assert.equal(checker.checkMac2(message, V.cookieSource, lastMs + 1), false);
  checker.createReply(V.initiation, V.cookieSource, lastMs + 1);
  assert.equal(checker.checkMac2(message, V.cookieSource, lastMs + 1), false);
});

Deno.test("stamp() leaves MAC2 zero without a cookie and once the cookie is 120 s old", () => {
  const jar = vectorJar();
  assert.deepEqual(stamped(jar, NOW_MS), V.initiation);
  jar.consumeReply(V.cookieReply, NOW_MS);
  assert.deepEqual(stamped(jar, NOW_MS + COOKIE_LIFETIME_MS - 1).subarray(129), V.initiationMac2);
  assert.deepEqual(stamped(jar, NOW_MS + COOKIE_LIFETIME_MS), V.initiation);
});

Deno.test("consumeReply() accepts the receiver index that the reference node makes of octets 4 to 7", () => {
  const jar = vectorJar();
  const reply = V.cookieReply.slice();
  const misplaced = readMisplacedSenderIndex(V.initiation, 0);
  assert.equal(misplaced, 0xcafec8f6);
  writeCookieReplyHeader(reply, 0, misplaced);
  assert.equal(jar.expects(misplaced), true);
  assert.equal(jar.consumeReply(reply, NOW_MS), Reason.NONE);
});

Deno.test("consumeReply() refuses any other receiver index and keeps waiting", () => {
  const jar = vectorJar();
  const reply = V.cookieReply.slice();
  writeCookieReplyHeader(reply, 0, 12345);
  assert.equal(jar.consumeReply(reply, NOW_MS), Reason.HANDSHAKE_UNEXPECTED);
  assert.equal(jar.consumeReply(V.cookieReply, NOW_MS), Reason.NONE);
});

Deno.test("consumeReply() refuses a reply before any message was stamped, and a second one to the same message", () => {
  const jar = new CookieJar(noblePrimitives, V.responderPublicKey);
  assert.equal(jar.expects(0), false);
  assert.equal(jar.consumeReply(V.cookieReply, NOW_MS), Reason.HANDSHAKE_UNEXPECTED);
  jar.stamp(V.initiation.slice(), NOW_MS);
  assert.equal(jar.consumeReply(V.cookieReply, NOW_MS), Reason.NONE);
  assert.equal(jar.consumeReply(V.cookieReply, NOW_MS), Reason.HANDSHAKE_UNEXPECTED);
});

Deno.test("consumeReply() refuses a reply to an earlier message", () => {
  const jar = vectorJar();
  const later = V.initiation.slice();
  later[40] ^= 1;
  jar.stamp(later, NOW_MS);
  assert.equal(jar.consumeReply(V.cookieReply, NOW_MS), Reason.COOKIE_DECRYPT);
});

Deno.test("consumeReply() refuses a reply after a change of any octet, and at every other length", () => {
  const jar = vectorJar();
  for (let index = 0; index < V.cookieReply.length; index++) {
    const changed = V.cookieReply.slice();
    changed[index] ^= 0x10;
    assert.notEqual(jar.consumeReply(changed, NOW_MS), Reason.NONE, `octet ${index}`);
  }
  for (let length = 0; length < V.cookieReply.length; length++) {
    const cut = V.cookieReply.subarray(0, length);
    const expected = length === 0 ? Reason.DATAGRAM_TRUNCATED : Reason.HANDSHAKE_LENGTH;
    assert.equal(jar.consumeReply(cut, NOW_MS), expected, `length ${length}`);
  }
  assert.equal(jar.consumeReply(V.cookieReply, NOW_MS), Reason.NONE);
});
