import { strict as assert } from "node:assert";
import { Reason } from "../../src/base/reason.ts";
import { CookieChecker, CookieJar } from "../../src/noise/cookie.ts";
import {
  type AcceptedInitiation,
  consumeInitiation,
  consumeResponse,
  createIdentity,
  createInitiation,
  createRemoteStatic,
  createResponse,
  type Outcome,
  type RemoteStatic,
  wipeInitiatorState,
  wipeResponderState,
  wipeTransportKeys,
  ZERO_PRESHARED_KEY,
} from "../../src/noise/handshake.ts";
import { equalOctets, noblePrimitives, type Primitives } from "../../src/noise/primitives.ts";
import { seededRandom } from "../../src/base/random.ts";
import { checkInitiation, checkResponse } from "../../src/wire/handshake_message.ts";
import { nodePrimitives } from "../reference/node_primitives.ts";
import { HANDSHAKE_VECTOR as V } from "../vectors/handshake.ts";

const NOW_MS = 1_000_000;

/** Accepted value, or a failed test. */
function accepted<Value>(outcome: Outcome<Value>): Value {
  assert.ok(outcome.ok, `refused for reason ${outcome.ok ? "" : outcome.reason}`);
  return outcome.value;
}

/** A remote that must have been made from a usable public key. */
function remoteOf(primitives: Primitives, privateKey: Uint8Array, publicKey: Uint8Array, psk?: Uint8Array) {
  const remote = createRemoteStatic(primitives, createIdentity(primitives, privateKey), publicKey, psk);
  assert.ok(remote !== undefined);
  return remote;
}

/** Both nodes of the vector, and its messages as this implementation makes them. */
function exchange(primitives: Primitives = noblePrimitives) {
  const initiator = createIdentity(primitives, V.initiatorPrivateKey);
  const responder = createIdentity(primitives, V.responderPrivateKey);
  const toResponder = remoteOf(primitives, V.initiatorPrivateKey, V.responderPublicKey, V.presharedKey);
  const toInitiator = remoteOf(primitives, V.responderPrivateKey, V.initiatorPublicKey, V.presharedKey);
  const initiation = createInitiation(primitives, initiator, toResponder, {
    ephemeralPrivateKey: V.initiatorEphemeral,
    senderIndex: V.initiatorIndex,
    timestamp: V.timestamp,
  });
  const known = consumeInitiation(primitives, responder, initiation.message, onlyKnows(toInitiator));
  const received = accepted<AcceptedInitiation>(known);
  const response = createResponse(primitives, received.state, {
    ephemeralPrivateKey: V.responderEphemeral,
    senderIndex: V.responderIndex,
    presharedKey: V.presharedKey,
  });
  return { initiator, responder, toResponder, toInitiator, initiation, received, response };
}

function onlyKnows(remote: RemoteStatic) {
  return (publicKey: Uint8Array) => equalOctets(publicKey, remote.publicKey) ? remote : undefined;
}

/** The message as it was before its MACs were stamped. */
function withoutMacs(message: Uint8Array): Uint8Array {
  return message.slice().fill(0, message.length - 32);
}

for (const primitives of [noblePrimitives, nodePrimitives]) {
  const title = `with ${primitives.name} primitives`;

  Deno.test(`createInitiation() makes the vector's message and state ${title}`, () => {
    const { initiator, initiation } = exchange(primitives);
    assert.deepEqual(initiator.publicKey, V.initiatorPublicKey);
    assert.deepEqual(initiation.message, withoutMacs(V.initiation));
    new CookieJar(primitives, V.responderPublicKey).stamp(initiation.message, NOW_MS);
    assert.deepEqual(initiation.message, V.initiation);
    assert.deepEqual(initiation.state.symmetric.hash, V.hashAfterInitiation);
    assert.deepEqual(initiation.state.symmetric.chainingKey, V.chainingKeyAfterInitiation);
    assert.equal(initiation.state.senderIndex, V.initiatorIndex);
  });

  Deno.test(`consumeInitiation() yields peer, index, timestamp and state of the vector's message ${title}`, () => {
    const { responder, toInitiator } = exchange(primitives);
    const received = accepted(consumeInitiation(primitives, responder, V.initiation, onlyKnows(toInitiator)));
    assert.equal(received.remote, toInitiator);
    assert.equal(received.senderIndex, V.initiatorIndex);
    assert.deepEqual(received.timestamp, V.timestamp);
    assert.deepEqual(received.state.symmetric.hash, V.hashAfterInitiation);
    assert.deepEqual(received.state.symmetric.chainingKey, V.chainingKeyAfterInitiation);
  });

  Deno.test(`createResponse() makes the vector's message and keys ${title}`, () => {
    const { response } = exchange(primitives);
    assert.deepEqual(response.message, withoutMacs(V.response));
    new CookieJar(primitives, V.initiatorPublicKey).stamp(response.message, NOW_MS);
    assert.deepEqual(response.message, V.response);
    assert.deepEqual(response.keys, { send: V.responderToInitiator, receive: V.initiatorToResponder });
  });

  Deno.test(`consumeResponse() derives the vector's keys ${title}`, () => {
    const { initiator, initiation } = exchange(primitives);
    const keys = accepted(consumeResponse(primitives, initiator, initiation.state, V.response, V.presharedKey));
    assert.deepEqual(keys, { send: V.initiatorToResponder, receive: V.responderToInitiator });
  });
}

Deno.test("the responder's key opens the vector's transport message and keepalive", () => {
  const nonce = new Uint8Array(12);
  nonce.set(V.transport.subarray(6, 14), 4);
  const none = new Uint8Array(0);
  assert.deepEqual(noblePrimitives.aeadOpen(V.initiatorToResponder, nonce, V.transport.subarray(14), none), V.content);
  const zeroNonce = new Uint8Array(12);
  assert.deepEqual(
    noblePrimitives.aeadOpen(V.initiatorToResponder, zeroNonce, V.keepalive.subarray(14), none),
    none,
  );
});

Deno.test("consumeInitiation() refuses a peer that findRemote() doesn't know", () => {
  const { responder } = exchange();
  const outcome = consumeInitiation(noblePrimitives, responder, V.initiation, () => undefined);
  assert.deepEqual(outcome, { ok: false, reason: Reason.HANDSHAKE_UNKNOWN_PEER });
});

Deno.test("consumeInitiation() refuses a message that was meant for somebody else", () => {
  const { initiator, toInitiator } = exchange();
  const outcome = consumeInitiation(noblePrimitives, initiator, V.initiation, onlyKnows(toInitiator));
  assert.deepEqual(outcome, { ok: false, reason: Reason.HANDSHAKE_DECRYPT });
});

Deno.test("consumeInitiation() refuses an ephemeral key of low order", () => {
  const { responder, toInitiator } = exchange();
  const forged = V.initiation.slice().fill(0, 5, 37);
  const outcome = consumeInitiation(noblePrimitives, responder, forged, onlyKnows(toInitiator));
  assert.deepEqual(outcome, { ok: false, reason: Reason.HANDSHAKE_DECRYPT });
});

Deno.test("consumeResponse() refuses an ephemeral key of low order", () => {
  const { initiator, initiation } = exchange();
  const forged = V.response.slice().fill(0, 9, 41);
  const outcome = consumeResponse(noblePrimitives, initiator, initiation.state, forged, V.presharedKey);
  assert.deepEqual(outcome, { ok: false, reason: Reason.HANDSHAKE_DECRYPT });
});

Deno.test("createRemoteStatic() returns undefined for a public key of low order", () => {
  const { initiator } = exchange();
  assert.equal(createRemoteStatic(noblePrimitives, initiator, new Uint8Array(32)), undefined);
});

Deno.test("an initiation is refused after a change of any octet but MAC2, and with MAC2 required of any octet", () => {
  const { responder, toInitiator } = exchange();
  const checker = new CookieChecker(noblePrimitives, responder.publicKey, seededRandom(1));
  const jar = new CookieJar(noblePrimitives, responder.publicKey);
  const source = Uint8Array.of(192, 0, 2, 1, 0x30, 0x39);
  const message = V.initiation.slice();
  jar.stamp(message, NOW_MS);
  assert.equal(jar.consumeReply(checker.createReply(message, source, NOW_MS), NOW_MS), Reason.NONE);
  jar.stamp(message, NOW_MS);
  function passes(changed: Uint8Array, underLoad: boolean): boolean {
    return checkInitiation(changed, 0, changed.length) === Reason.NONE && checker.checkMac1(changed) &&
      (!underLoad || checker.checkMac2(changed, source, NOW_MS)) &&
      consumeInitiation(noblePrimitives, responder, changed, onlyKnows(toInitiator)).ok;
  }
  assert.ok(passes(message, true));
  for (let index = 0; index < message.length; index++) {
    const changed = message.slice();
    changed[index] ^= 1;
    assert.equal(passes(changed, true), false, `octet ${index} under load`);
    if (index < 129) assert.equal(passes(changed, false), false, `octet ${index}`);
  }
});

Deno.test("consumeInitiation() itself refuses a change of any octet that Noise covers", () => {
  const { responder, toInitiator } = exchange();
  for (let index = 5; index < 113; index++) {
    const changed = V.initiation.slice();
    changed[index] ^= 1;
    const outcome = consumeInitiation(noblePrimitives, responder, changed, onlyKnows(toInitiator));
    assert.equal(outcome.ok, false, `octet ${index}`);
  }
});

Deno.test("a response is refused after a change of any octet but MAC2, which leaves the initiator's state good", () => {
  const { initiator, initiation } = exchange();
  const checker = new CookieChecker(noblePrimitives, initiator.publicKey, seededRandom(1));
  for (let index = 0; index < 73; index++) {
    const changed = V.response.slice();
    changed[index] ^= 1;
    const form = checkResponse(changed, 0, changed.length) === Reason.NONE && checker.checkMac1(changed);
    assert.equal(form, false, `octet ${index}`);
    if (index >= 1 && index < 5) continue; // The sender index is covered by MAC1 alone.
    if (index >= 57) continue;
    const outcome = consumeResponse(noblePrimitives, initiator, initiation.state, changed, V.presharedKey);
    assert.equal(outcome.ok, false, `octet ${index} in consumeResponse()`);
  }
  accepted(consumeResponse(noblePrimitives, initiator, initiation.state, V.response, V.presharedKey));
});

Deno.test("consumeInitiation() and consumeResponse() refuse a message of any other length", () => {
  const { initiator, responder, toInitiator, initiation } = exchange();
  for (let length = 0; length <= 200; length++) {
    const long = new Uint8Array(length);
    long.set(V.initiation.subarray(0, length));
    if (length !== V.initiation.length) {
      assert.equal(consumeInitiation(noblePrimitives, responder, long, onlyKnows(toInitiator)).ok, false);
    }
    long.fill(0);
    long.set(V.response.subarray(0, length));
    if (length !== V.response.length) {
      assert.equal(consumeResponse(noblePrimitives, initiator, initiation.state, long, V.presharedKey).ok, false);
    }
  }
});

Deno.test("consumeResponse() refuses another receiver index as unexpected", () => {
  const { initiator, initiation } = exchange();
  const state = { ...initiation.state, senderIndex: 7 };
  const outcome = consumeResponse(noblePrimitives, initiator, state, V.response, V.presharedKey);
  assert.deepEqual(outcome, { ok: false, reason: Reason.HANDSHAKE_UNEXPECTED });
});

Deno.test("consumeResponse() tells by a second try that only the preshared key is wrong", () => {
  const { initiator, initiation, received } = exchange();
  const response = createResponse(noblePrimitives, received.state, {
    ephemeralPrivateKey: V.responderEphemeral,
    senderIndex: V.responderIndex,
    presharedKey: ZERO_PRESHARED_KEY,
  });
  const { state } = initiation;
  const first = consumeResponse(noblePrimitives, initiator, state, response.message, V.presharedKey);
  assert.deepEqual(first, { ok: false, reason: Reason.HANDSHAKE_DECRYPT });
  const keys = accepted(consumeResponse(noblePrimitives, initiator, state, response.message, ZERO_PRESHARED_KEY));
  assert.deepEqual(keys.send, response.keys.receive);
});

Deno.test("createResponse() may be called twice on one state, with different keys", () => {
  const { initiator, initiation, received } = exchange();
  for (const fill of [5, 6]) {
    const response = createResponse(noblePrimitives, received.state, {
      ephemeralPrivateKey: new Uint8Array(32).fill(fill),
      senderIndex: fill,
      presharedKey: V.presharedKey,
    });
    const outcome = consumeResponse(noblePrimitives, initiator, initiation.state, response.message, V.presharedKey);
    assert.deepEqual(accepted(outcome), { send: response.keys.receive, receive: response.keys.send });
  }
});

Deno.test("two nodes that initiate at the same moment both complete, each handshake with keys of its own", () => {
  const { initiator: left, responder: right, toResponder: toRight, toInitiator: toLeft } = exchange();
  const fromLeft = createInitiation(noblePrimitives, left, toRight, {
    ephemeralPrivateKey: new Uint8Array(32).fill(1),
    senderIndex: 11,
    timestamp: V.timestamp,
  });
  const fromRight = createInitiation(noblePrimitives, right, toLeft, {
    ephemeralPrivateKey: new Uint8Array(32).fill(2),
    senderIndex: 22,
    timestamp: V.timestamp,
  });
  const atRight = accepted(consumeInitiation(noblePrimitives, right, fromLeft.message, onlyKnows(toLeft)));
  const atLeft = accepted(consumeInitiation(noblePrimitives, left, fromRight.message, onlyKnows(toRight)));
  const presharedKey = V.presharedKey;
  const rightAnswers = createResponse(noblePrimitives, atRight.state, {
    ephemeralPrivateKey: new Uint8Array(32).fill(3),
    senderIndex: 23,
    presharedKey,
  });
  const leftAnswers = createResponse(noblePrimitives, atLeft.state, {
    ephemeralPrivateKey: new Uint8Array(32).fill(4),
    senderIndex: 14,
    presharedKey,
  });
  const leftKeys = accepted(consumeResponse(noblePrimitives, left, fromLeft.state, rightAnswers.message, presharedKey));
  const rightKeys = accepted(
    consumeResponse(noblePrimitives, right, fromRight.state, leftAnswers.message, presharedKey),
  );
  assert.deepEqual(leftKeys.send, rightAnswers.keys.receive);
  assert.deepEqual(rightKeys.send, leftAnswers.keys.receive);
  assert.notDeepEqual(leftKeys.send, rightKeys.receive);
});

Deno.test("createInitiation() keeps its own copy of the ephemeral key", () => {
  const { initiator, toResponder } = exchange();
  const ephemeralPrivateKey = V.initiatorEphemeral.slice();
  const { state } = createInitiation(noblePrimitives, initiator, toResponder, {
    ephemeralPrivateKey,
    senderIndex: V.initiatorIndex,
    timestamp: V.timestamp,
  });
  ephemeralPrivateKey.fill(0);
  accepted(consumeResponse(noblePrimitives, initiator, state, V.response, V.presharedKey));
});

Deno.test("wipeInitiatorState(), wipeResponderState() and wipeTransportKeys() leave no secret", () => {
  const { initiation, received, response } = exchange();
  wipeInitiatorState(initiation.state);
  wipeResponderState(received.state);
  wipeTransportKeys(response.keys);
  const secrets = [
    initiation.state.ephemeralPrivateKey,
    initiation.state.symmetric.chainingKey,
    received.state.symmetric.chainingKey,
    response.keys.send,
    response.keys.receive,
  ];
  for (const secret of secrets) assert.deepEqual(secret, new Uint8Array(32));
});
