/**
 * The cryptographic primitives of the handshake behind one interface, so that an implementation can be exchanged.
 *
 * All functions allocate their results. Nothing here knows the protocol; key derivation stands in
 * `symmetric_state.ts`. One suite, `tests/noise/primitives_test.ts`, runs over every implementation.
 *
 * JavaScript cannot promise constant time: the runtime may reorder and specialise what looks balanced in the source.
 *
 * @module
 */

import { chacha20poly1305, xchacha20poly1305 } from "@noble/ciphers/chacha.js";
import { x25519 } from "@noble/curves/ed25519.js";
import { blake2s } from "@noble/hashes/blake2.js";

/** Length of a public, private, shared, chaining or session key in octets. */
export const KEY_LEN = 32;
/** Length of a BLAKE2s digest as the handshake uses it, in octets. */
export const HASH_LEN = 32;
/** Length of MAC1, MAC2 and of a cookie in octets. */
export const MAC_LEN = 16;
/** Length of the ChaCha20-Poly1305 nonce in octets. */
export const NONCE_LEN = 12;
/** Length of the XChaCha20-Poly1305 nonce in octets. */
export const XNONCE_LEN = 24;

/** What the handshake needs of a cryptographic library. */
export interface Primitives {
  /** Name for benchmarks and test titles, such as `"noble"`. */
  readonly name: string;

  /** Returns the public key of a private key (RFC 7748 §6.1), both of 32 octets. Clamps the private key. */
  x25519PublicKey(privateKey: Uint8Array): Uint8Array;

  /**
   * Computes a shared secret (RFC 7748 §6.1) of 32 octets.
   *
   * @returns `undefined` if the result is all zero: the public key then has low order and contributes nothing.
   */
  x25519(privateKey: Uint8Array, publicKey: Uint8Array): Uint8Array | undefined;

  /** Returns the unkeyed BLAKE2s-256 digest (RFC 7693) of 32 octets. */
  blake2s(data: Uint8Array): Uint8Array;

  /** Returns the BLAKE2s-128 MAC (RFC 7693) of 16 octets. The key may have 1 to 32 octets. */
  blake2sMac(key: Uint8Array, data: Uint8Array): Uint8Array;

  /**
   * Seals with ChaCha20-Poly1305 (RFC 8439 §2.8).
   *
   * @param key 32 octets.
   * @param nonce 12 octets, never used twice with one key.
   * @returns The ciphertext followed by the tag of 16 octets.
   */
  aeadSeal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, associatedData: Uint8Array): Uint8Array;

  /**
   * Opens what {@linkcode Primitives.aeadSeal} sealed.
   *
   * @param sealed Ciphertext and tag; may be shorter than a tag, which fails.
   * @returns The plaintext, or `undefined` if the tag doesn't verify. Never throws for what the network sent.
   */
  aeadOpen(
    key: Uint8Array,
    nonce: Uint8Array,
    sealed: Uint8Array,
    associatedData: Uint8Array,
  ): Uint8Array | undefined;

  /** As {@linkcode Primitives.aeadSeal} with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) and a 24-octet nonce. */
  xaeadSeal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, associatedData: Uint8Array): Uint8Array;

  /** As {@linkcode Primitives.aeadOpen} with XChaCha20-Poly1305 and a 24-octet nonce. */
  xaeadOpen(
    key: Uint8Array,
    nonce: Uint8Array,
    sealed: Uint8Array,
    associatedData: Uint8Array,
  ): Uint8Array | undefined;
}

/** The primitives in TypeScript, by the noble libraries. Needs no shim. */
export const noblePrimitives: Primitives = {
  name: "noble",

  x25519PublicKey: (privateKey) => x25519.getPublicKey(privateKey),

  x25519(privateKey, publicKey) {
    requireLength("private key", privateKey, KEY_LEN);
    requireLength("public key", publicKey, KEY_LEN);
    try {
      return x25519.getSharedSecret(privateKey, publicKey);
    } catch {
      // With the lengths right, an all-zero result is the only thing that the library refuses.
      return undefined;
    }
  },

  blake2s: (data) => blake2s(data),

  blake2sMac: (key, data) => blake2s(data, { key, dkLen: MAC_LEN }),

  aeadSeal: (key, nonce, plaintext, associatedData) => chacha20poly1305(key, nonce, associatedData).encrypt(plaintext),

  aeadOpen(key, nonce, sealed, associatedData) {
    const cipher = chacha20poly1305(key, nonce, associatedData);
    return openOrUndefined(cipher, sealed);
  },

  xaeadSeal: (key, nonce, plaintext, associatedData) =>
    xchacha20poly1305(key, nonce, associatedData).encrypt(plaintext),

  xaeadOpen(key, nonce, sealed, associatedData) {
    const cipher = xchacha20poly1305(key, nonce, associatedData);
    return openOrUndefined(cipher, sealed);
  },
};

/**
 * Opens with a cipher whose key and nonce were accepted already: what the library throws here, the ciphertext caused.
 */
function openOrUndefined(cipher: { decrypt(sealed: Uint8Array): Uint8Array }, sealed: Uint8Array) {
  try {
    return cipher.decrypt(sealed);
  } catch {
    return undefined;
  }
}

function requireLength(what: string, octets: Uint8Array, length: number): void {
  if (octets.length !== length) {
    throw new RangeError(`Cannot use ${what}: has ${octets.length} octets, needs ${length}`);
  }
}

/**
 * Tells whether two buffers hold the same octets, in a time that doesn't depend on where they differ.
 *
 * For MACs: an early exit would tell a forger how many octets of his guess were right.
 */
export function equalOctets(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let difference = 0;
  for (let index = 0; index < a.length; index++) difference |= a[index] ^ b[index];
  return difference === 0;
}
