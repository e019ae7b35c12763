/**
 * The primitives a second time, from other hands: the runtime's own library where it has them, slow twins where not.
 *
 * @module
 */

import { Buffer } from "node:buffer";
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
} from "node:crypto";
import { MAC_LEN, type Primitives } from "../../src/noise/primitives.ts";
import { slowBlake2s } from "./blake2s.ts";
import { slowHchacha20 } from "./hchacha20.ts";

/** DER of an X25519 private key up to its 32 octets (RFC 8410 §7). */
const PRIVATE_KEY_PREFIX = Uint8Array.fromHex("302e020100300506032b656e04220420");
/** DER of an X25519 public key up to its 32 octets (RFC 8410 §4). */
const PUBLIC_KEY_PREFIX = Uint8Array.fromHex("302a300506032b656e032100");
const TAG_LEN = 16;

function privateKeyObject(key: Uint8Array) {
  return createPrivateKey({ key: Buffer.concat([PRIVATE_KEY_PREFIX, key]), format: "der", type: "pkcs8" });
}

function publicKeyObject(key: Uint8Array) {
  return createPublicKey({ key: Buffer.concat([PUBLIC_KEY_PREFIX, key]), format: "der", type: "spki" });
}

function seal(key: Uint8Array, nonce: Uint8Array, plaintext: Uint8Array, associatedData: Uint8Array): Uint8Array {
  const cipher = createCipheriv("chacha20-poly1305", key, nonce, { authTagLength: TAG_LEN });
  cipher.setAAD(associatedData, { plaintextLength: plaintext.length });
  const sealed = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return Uint8Array.from(sealed);
}

function open(
  key: Uint8Array,
  nonce: Uint8Array,
  sealed: Uint8Array,
  associatedData: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < TAG_LEN) return undefined;
  const decipher = createDecipheriv("chacha20-poly1305", key, nonce, { authTagLength: TAG_LEN });
  decipher.setAAD(associatedData, { plaintextLength: sealed.length - TAG_LEN });
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_LEN));
  try {
    return Uint8Array.from(Buffer.concat([decipher.update(sealed.subarray(0, -TAG_LEN)), decipher.final()]));
  } catch {
    return undefined;
  }
}

/** Nonce of the inner cipher: four zero octets and the rest of the extended nonce. */
function innerNonce(nonce: Uint8Array): Uint8Array {
  const inner = new Uint8Array(12);
  inner.set(nonce.subarray(16), 4);
  return inner;
}

/** The primitives over `node:crypto`. */
export const nodePrimitives: Primitives = {
  name: "node",

  x25519PublicKey(privateKey) {
    const der = createPublicKey(privateKeyObject(privateKey).export({ format: "pem", type: "pkcs8" })).export({
      format: "der",
      type: "spki",
    });
    return Uint8Array.from(der.subarray(PUBLIC_KEY_PREFIX.length));
  },

  x25519(privateKey, publicKey) {
    try {
      const options = { privateKey: privateKeyObject(privateKey), publicKey: publicKeyObject(publicKey) };
      return Uint8Array.from(diffieHellman(options));
    } catch {
      return undefined;
    }
  },

  blake2s: (data) => Uint8Array.from(createHash("blake2s256").update(data).digest()),
  blake2sMac: (key, data) => slowBlake2s(data, key, MAC_LEN),
  aeadSeal: seal,
  aeadOpen: open,
  xaeadSeal: (key, nonce, plaintext, associatedData) =>
    seal(slowHchacha20(key, nonce), innerNonce(nonce), plaintext, associatedData),
  xaeadOpen: (key, nonce, sealed, associatedData) =>
    open(slowHchacha20(key, nonce), innerNonce(nonce), sealed, associatedData),
};
