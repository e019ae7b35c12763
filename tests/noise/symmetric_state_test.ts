import { strict as assert } from "node:assert";
import { createHmac } from "node:crypto";
import fc from "fast-check";
import { noblePrimitives as primitives } from "../../src/noise/primitives.ts";
import {
  beginSymmetric,
  cloneSymmetric,
  decryptAndHash,
  deriveKeys,
  encryptAndHash,
  hmac,
  mixHash,
  mixKey,
  mixKeyAndHash,
  split,
  wipeSymmetric,
} from "../../src/noise/symmetric_state.ts";
import { HANDSHAKE_VECTOR, INITIAL_CHAINING_KEY, INITIAL_HASH } from "../vectors/handshake.ts";

const octets = fc.uint8Array({ maxLength: 150 });
const key32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

function freshState() {
  return beginSymmetric(primitives, HANDSHAKE_VECTOR.responderPublicKey);
}

Deno.test("beginSymmetric() yields the chaining key of the specification and absorbs the responder's key", () => {
  const state = freshState();
  assert.deepEqual(state.chainingKey, INITIAL_CHAINING_KEY);
  const expected = primitives.blake2s(Uint8Array.of(...INITIAL_HASH, ...HANDSHAKE_VECTOR.responderPublicKey));
  assert.deepEqual(state.hash, expected);
});

Deno.test("hmac() agrees with the runtime's HMAC", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 64 }), octets, (key, data) => {
    const expected = createHmac("blake2s256", key).update(data).digest();
    assert.deepEqual(hmac(primitives, key, data), Uint8Array.from(expected));
  }));
});

Deno.test("deriveKeys() chains its outputs, and fewer outputs are a prefix of more", () => {
  fc.assert(fc.property(key32, octets, (chainingKey, input) => {
    const [first, second, third] = deriveKeys(primitives, chainingKey, input, 3);
    const pseudorandomKey = hmac(primitives, chainingKey, input);
    assert.deepEqual(first, hmac(primitives, pseudorandomKey, Uint8Array.of(1)));
    assert.deepEqual(second, hmac(primitives, pseudorandomKey, Uint8Array.of(...first, 2)));
    assert.deepEqual(third, hmac(primitives, pseudorandomKey, Uint8Array.of(...second, 3)));
    assert.deepEqual(deriveKeys(primitives, chainingKey, input, 1), [first]);
    assert.deepEqual(deriveKeys(primitives, chainingKey, input, 2), [first, second]);
  }));
});

Deno.test("decryptAndHash() returns what encryptAndHash() sealed and leaves both sides in one state", () => {
  const sender = freshState();
  const receiver = freshState();
  const key = mixKey(primitives, sender, Uint8Array.of(1, 2, 3));
  assert.deepEqual(mixKey(primitives, receiver, Uint8Array.of(1, 2, 3)), key);
  const sealed = encryptAndHash(primitives, sender, key, Uint8Array.of(4, 5));
  assert.deepEqual(decryptAndHash(primitives, receiver, key, sealed), Uint8Array.of(4, 5));
  assert.deepEqual(receiver, sender);
});

Deno.test("decryptAndHash() returns undefined when the transcripts differ, and absorbs nothing", () => {
  const sender = freshState();
  const receiver = freshState();
  const key = mixKey(primitives, sender, Uint8Array.of(1));
  const sealed = encryptAndHash(primitives, sender, key, Uint8Array.of(4, 5));
  mixHash(primitives, receiver, Uint8Array.of(9));
  const before = cloneSymmetric(receiver);
  assert.equal(decryptAndHash(primitives, receiver, key, sealed), undefined);
  assert.deepEqual(receiver, before);
});

Deno.test("mixKeyAndHash() changes chaining key, hash and the key it returns with the preshared key", () => {
  const first = freshState();
  const second = freshState();
  const firstKey = mixKeyAndHash(primitives, first, new Uint8Array(32));
  const secondKey = mixKeyAndHash(primitives, second, new Uint8Array(32).fill(1));
  assert.notDeepEqual(firstKey, secondKey);
  assert.notDeepEqual(first.chainingKey, second.chainingKey);
  assert.notDeepEqual(first.hash, second.hash);
});

Deno.test("split() yields the session keys of the vector from its last chaining key", () => {
  const state = { chainingKey: HANDSHAKE_VECTOR.chainingKeyAfterResponse, hash: HANDSHAKE_VECTOR.hashAfterResponse };
  const keys = split(primitives, state);
  assert.deepEqual(keys, [HANDSHAKE_VECTOR.initiatorToResponder, HANDSHAKE_VECTOR.responderToInitiator]);
});

Deno.test("wipeSymmetric() zeroes the state but not its clone", () => {
  const state = freshState();
  const clone = cloneSymmetric(state);
  wipeSymmetric(state);
  assert.deepEqual(state, { chainingKey: new Uint8Array(32), hash: new Uint8Array(32) });
  assert.deepEqual(clone, freshState());
});
