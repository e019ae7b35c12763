/**
 * The running state of a handshake: chaining key and hash, and the five ways in which a message changes them.
 *
 * The operations bear the names of the Noise specification (revision 34, §5.2). WireGuard's KDF1, KDF2 and KDF3
 * (paper §5.4) are one HKDF of which one, two or three outputs are used.
 *
 * @module
 */

import { HASH_LEN, NONCE_LEN, type Primitives } from "./primitives.ts";

/** Chaining key and hash. Secret, because the chaining key is. The operations change it in place. */
export interface SymmetricState {
  /** 32 octets; becomes the session keys in the end. */
  readonly chainingKey: Uint8Array;
  /** Digest of everything said so far, 32 octets; binds each ciphertext to what came before. */
  readonly hash: Uint8Array;
}

const CONSTRUCTION = new TextEncoder().encode("Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s");
const IDENTIFIER = new TextEncoder().encode("WireGuard v1 zx2c4 Jason@zx2c4.com");

/** Every key of a handshake seals one text only, hence the same nonce each time (paper §5.4). */
const ZERO_NONCE = new Uint8Array(NONCE_LEN);
const NO_INPUT = new Uint8Array(0);

/** Block of BLAKE2s in octets (RFC 7693 §2.1), which HMAC pads its key to. */
const BLOCK_LEN = 64;
const INNER_PAD = 0x36;
const OUTER_PAD = 0x5c;

/**
 * Begins the transcript of a handshake. Both sides begin with the long-term public key of the responder.
 *
 * @param responderPublicKey 32 octets.
 */
export function beginSymmetric(primitives: Primitives, responderPublicKey: Uint8Array): SymmetricState {
  const chainingKey = primitives.blake2s(CONSTRUCTION);
  const state = { chainingKey, hash: primitives.blake2s(concatenate(chainingKey, IDENTIFIER)) };
  mixHash(primitives, state, responderPublicKey);
  return state;
}

/** Copies a state, so that an attempt that fails leaves the original as it was. */
export function cloneSymmetric(state: SymmetricState): SymmetricState {
  return { chainingKey: state.chainingKey.slice(), hash: state.hash.slice() };
}

/** Zeroes a state. */
export function wipeSymmetric(state: SymmetricState): void {
  state.chainingKey.fill(0);
  state.hash.fill(0);
}

/** Absorbs data that is sent in the clear, or a ciphertext, into the hash. */
export function mixHash(primitives: Primitives, state: SymmetricState, data: Uint8Array): void {
  state.hash.set(primitives.blake2s(concatenate(state.hash, data)));
}

/**
 * Absorbs a shared secret (or an ephemeral public key) into the chaining key.
 *
 * @returns A key of 32 octets to seal or open the next text with (KDF2). Where the paper uses KDF1 there is none to seal,
 * and the caller leaves it.
 */
export function mixKey(primitives: Primitives, state: SymmetricState, input: Uint8Array): Uint8Array {
  const [chainingKey, key] = deriveKeys(primitives, state.chainingKey, input, 2);
  state.chainingKey.set(chainingKey);
  return key;
}

/**
 * Absorbs the preshared key into chaining key and hash (KDF3).
 *
 * @returns A key of 32 octets to seal or open the next text with.
 */
export function mixKeyAndHash(primitives: Primitives, state: SymmetricState, presharedKey: Uint8Array): Uint8Array {
  const [chainingKey, forHash, key] = deriveKeys(primitives, state.chainingKey, presharedKey, 3);
  state.chainingKey.set(chainingKey);
  mixHash(primitives, state, forHash);
  return key;
}

/** Seals a text bound to the hash, and absorbs the ciphertext. Returns the ciphertext and its tag of 16 octets. */
export function encryptAndHash(
  primitives: Primitives,
  state: SymmetricState,
  key: Uint8Array,
  plaintext: Uint8Array,
): Uint8Array {
  const sealed = primitives.aeadSeal(key, ZERO_NONCE, plaintext, state.hash);
  mixHash(primitives, state, sealed);
  return sealed;
}

/** Opens a text bound to the hash, and absorbs the ciphertext. Returns `undefined` if the tag doesn't verify. */
export function decryptAndHash(
  primitives: Primitives,
  state: SymmetricState,
  key: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  const plaintext = primitives.aeadOpen(key, ZERO_NONCE, sealed, state.hash);
  if (plaintext !== undefined) mixHash(primitives, state, sealed);
  return plaintext;
}

/** Derives the two session keys of 32 octets: initiator to responder, then responder to initiator. */
export function split(primitives: Primitives, state: SymmetricState): [Uint8Array, Uint8Array] {
  const [initiatorToResponder, responderToInitiator] = deriveKeys(primitives, state.chainingKey, NO_INPUT, 2);
  return [initiatorToResponder, responderToInitiator];
}

/**
 * HKDF (RFC 5869) over HMAC-BLAKE2s, as WireGuard's KDF*n*.
 *
 * @param chainingKey Salt, 32 octets.
 * @param input Keying material of any length.
 * @param count Outputs wanted, 1 to 3, of 32 octets each.
 */
export function deriveKeys(
  primitives: Primitives,
  chainingKey: Uint8Array,
  input: Uint8Array,
  count: number,
): Uint8Array[] {
  const pseudorandomKey = hmac(primitives, chainingKey, input);
  const outputs: Uint8Array[] = [];
  let previous: Uint8Array = NO_INPUT;
  for (let number = 1; number <= count; number++) {
    previous = hmac(primitives, pseudorandomKey, concatenate(previous, Uint8Array.of(number)));
    outputs.push(previous);
  }
  pseudorandomKey.fill(0);
  return outputs;
}

/**
 * HMAC (RFC 2104) over BLAKE2s-256.
 *
 * @param key At most 64 octets, so that it never needs to be hashed first; ours have 32.
 * @returns 32 octets.
 */
export function hmac(primitives: Primitives, key: Uint8Array, data: Uint8Array): Uint8Array {
  const inner = new Uint8Array(BLOCK_LEN + data.length).fill(INNER_PAD, 0, BLOCK_LEN);
  const outer = new Uint8Array(BLOCK_LEN + HASH_LEN).fill(OUTER_PAD, 0, BLOCK_LEN);
  for (let index = 0; index < key.length; index++) {
    inner[index] ^= key[index];
    outer[index] ^= key[index];
  }
  inner.set(data, BLOCK_LEN);
  outer.set(primitives.blake2s(inner), BLOCK_LEN);
  const mac = primitives.blake2s(outer);
  inner.fill(0);
  outer.fill(0);
  return mac;
}

function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array {
  const joined = new Uint8Array(first.length + second.length);
  joined.set(first);
  joined.set(second, first.length);
  return joined;
}
